"""`course train plates`: the restorer and the reader of number plates.  Lesson 3."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_lib import enhance
from course_lib.checkpoints import load, load_prefixed
from course_lib.enhance import BLURS, PictureConditionedDenoiser, Reader, enlarge, photograph
from course_lib.training import Step
from course_lib.world.plates import CHARACTERS, HEIGHT, PLACES, layout_of, plate_texts, render_plates
from course_tools.recipes.run import (
    FIRST_SEED,
    classifier_steps,
    loss_and_settings,
    round_weights,
    save,
    save_model,
    to_float16,
    with_progress,
)

READERS_SEED, FRESH_PLATES = 1_000_000_000, 2_200_000_000  # plates for readers and routers; to measure on
# A denoiser of 64 channels a place can't carry the noise of a velocity; asked for the picture it learns at once.
RESTORER: dict[str, Any] = {"predicts": "picture", "fold": 4, "widths": (64, 128)}
RESTORER_TRAINING: dict[str, Any] = {
    "steps": 12_000, "batch": 32, "learning_rate": 2e-3, "amounts": "logit-normal", "drop_key": 0.0,
}  # fmt: skip
PLATES = 20_000
TRAINED_BLURS = [half / 2 for half in range(17)]  # 0 to 8; each plate is seen at one of them
READER_TRAINING = {"plates": 20_000, "steps": 1_500, "batch": 64}
EXAM_PLATES = {"count": 256, "counted": 48}  # plates at each blur that are restored; that are counted


class Plates:
    """Plates that are drawn when asked for: picture i shows the plate of the seed first_seed + i.

    plates[indices] draws them: (B, 3, 16, 64).
    """

    def __init__(self, *, count: int, first_seed: int):
        self.count, self.first_seed = count, first_seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices: Tensor) -> Tensor:
        seeds = indices + self.first_seed
        return render_plates(plate_texts(seeds), seeds)

    @property
    def fingerprint(self) -> str:
        """What tells this set from another."""
        return f"{self.count} plates, {HEIGHT} px, from seed {self.first_seed}"


def make_plates(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """The restorer of plates and the reader: half an hour on an idle CPU."""
    start = time.perf_counter()
    part = working.with_name(f"reader.{working.name}")
    torch.manual_seed(0)
    reader = Reader()
    if part.exists():
        load_prefixed(reader, load(part)[0], part)
    else:
        for _ in tqdm(train_reader(reader, **READER_TRAINING), desc="reader", total=READER_TRAINING["steps"]):
            pass
        save_model(reader, part, recipe={})
    plates = Plates(count=PLATES, first_seed=FIRST_SEED)
    pictures = torch.cat([plates[batch] for batch in tqdm(torch.arange(PLATES).split(2_000), desc="plates")])
    photos = shown_beside(pictures)
    torch.manual_seed(0)
    model, ema_model = (PictureConditionedDenoiser(**RESTORER).to(device) for _ in range(2))
    prepared = time.perf_counter() - start
    loss, settings = loss_and_settings(pictures, photos, **RESTORER_TRAINING)
    measured = with_progress(
        "restorer", model, loss, seed=0, ema_model=ema_model, ema_decay=0.998, checkpoint=working, save_every=200,
        **settings,
    )  # fmt: skip
    ema_model.cpu().eval()
    reader.eval()
    round_weights(ema_model)
    round_weights(reader)
    recipe: dict[str, Any] = {
        "command": "course train plates",
        "seed": 0,
        "device": device.type,
        "model": ema_model.config,
        "reader": reader.config,
        "training": {"restorer": RESTORER_TRAINING, "reader": READER_TRAINING},
        "pictures": plates.fingerprint,
        "scores": {"seconds": round(prepared + measured["seconds"]), "loss": measured["loss"]},
    }
    recipe["scores"]["curve"] = [
        enhance.measure(ema_model, reader, blur, first_seed=FRESH_PLATES, **EXAM_PLATES)
        for blur in tqdm(BLURS, desc="exam")
    ]
    save(to_float16(ema_model, prefix="model") | to_float16(reader, prefix="reader"), output, recipe=recipe)
    part.unlink()
    return recipe


def shown_beside(pictures: Tensor) -> Tensor:
    """What the restorer is shown of each plate, (N, 3 * 16 * 64), in 16 bits: its photo at one of the blurs."""
    photos = torch.empty(len(pictures), pictures[0].numel(), dtype=torch.float16)
    for number, blur in enumerate(TRAINED_BLURS):
        own = slice(number, None, len(TRAINED_BLURS))
        small = photograph(pictures[own], blur, seed=FIRST_SEED + number)
        photos[own] = enlarge(small).flatten(1).half()
    return photos


@dataclass(frozen=True)
class Stock:
    """What a reader learns from: plates, the same with some characters exchanged, and which those are.

    plates, others: (N, 3, 16, 64).  codes: (N, 6), numbers in CHARACTERS.  exchanged: (N, 6).
    """

    plates: Tensor
    others: Tensor
    codes: Tensor
    exchanged: Tensor


def readers_stock(count: int) -> Stock:
    """So many plates, and each with every seventh character or so exchanged."""
    seeds = torch.arange(count) + READERS_SEED
    random = torch.Generator().manual_seed(READERS_SEED)
    texts = plate_texts(seeds)
    others = [partly_another(text, random) for text in texts]
    codes, other_codes = (
        torch.tensor([list(map(CHARACTERS.index, text)) for text in side]) for side in (texts, others)
    )
    return Stock(render_plates(texts, seeds), render_plates(others, seeds), codes, codes != other_codes)


def train_reader(reader: Reader, *, plates: int, steps: int, batch: int) -> Iterator[Step]:
    """Teach a reader on so many sharp plates; yields a Step after each step."""
    stock = readers_stock(plates)

    def error(number: int) -> Tensor:
        pictures, codes = readers_batch(stock, number, batch=batch)
        torch.manual_seed(READERS_SEED + number)  # what dropout leaves out
        return F.cross_entropy(reader(pictures).flatten(0, 1), codes.flatten())

    return classifier_steps(reader, error, steps=steps, weight_decay=0.05)


def readers_batch(stock: Stock, number: int, *, batch: int) -> tuple[Tensor, Tensor]:
    """Plates for step `number`, (B, 3, 16, 64), and the number in CHARACTERS of each character, (B, 6).

    So that the reader refuses what is no writing, half of the plates are mixed with their other, and one in eight is
    blurred past reading: where characters differ, and everywhere on a blurred one, the right number is that after all.
    """
    none, random = len(CHARACTERS), torch.Generator().manual_seed(READERS_SEED + number)
    chosen = torch.randint(len(stock.plates), (batch,), generator=random)
    mixed = torch.rand(batch, 1, generator=random) < 0.5
    share = mixed * (0.35 + 0.3 * torch.rand(batch, 1, generator=random))
    plates = torch.lerp(stock.plates[chosen], stock.others[chosen], share[:, :, None, None])
    codes = stock.codes[chosen].masked_fill(mixed & stock.exchanged[chosen], none)
    for i in range(0, batch, 8):
        blur = 2.5 + 5.5 * float(torch.rand(1, generator=random))
        plates[i] = enlarge(enhance.blur_and_shrink(plates[i : i + 1], blur))[0]
        codes[i] = none
    # A faint grain is no muddle: the reader must not go by how smooth a plate is.
    grain = 0.08 * torch.rand(batch, 1, 1, 1, generator=random)
    return plates + grain * torch.randn(plates.shape, generator=random), codes


def partly_another(text: str, random: torch.Generator) -> str:
    """The plate with every seventh character or so exchanged for another of its alphabet."""
    changed = torch.rand(PLACES, generator=random) < 0.15
    chosen = torch.randint(10, (PLACES,), generator=random)
    alphabets = layout_of(text).alphabets
    return "".join(alphabets[k][chosen[k]] if changed[k] else text[k] for k in range(PLACES))
