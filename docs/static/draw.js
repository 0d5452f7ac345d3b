/* The caption box of the front page: the course's model draws in the reader's own browser, and nothing leaves it.
   `caption_key` and `bind` are course_lib.words', `walk` is course_lib.sampling's; a test compares the drawings. */
"use strict";

const PICTURES = 4;
const FILES = new URL("./", document.currentScript.src); // the model and its runtime lie beside this script

/* What the reader is told when it can't work: one sentence, what is wrong and what to do. */
class Trouble extends Error {}

let ready = null; // the promise of the model; it is fetched when somebody first wants a picture

function model() {
  ready ??= load().catch((trouble) => {
    ready = null;
    throw trouble;
  });
  return ready;
}

async function load() {
  if (typeof WebAssembly !== "object") {
    throw new Trouble("This browser has no WebAssembly, which the model runs on: open the page in a newer one, or draw in lesson 0.");
  }
  if (location.protocol === "file:") {
    throw new Trouble("Browsers let no page that was opened from a folder read a model: type python -m http.server in that folder, and open http://localhost:8000.");
  }
  await script(new URL("ort.wasm.min.js", FILES));
  ort.env.wasm.wasmPaths = FILES.href;
  ort.env.wasm.numThreads = 1; // more need headers that few servers send
  const answer = await fetch(new URL("draw.json", FILES));
  if (!answer.ok) throw new Trouble("The model is missing from this copy of the site: draw in lesson 0 instead.");
  const [told, session] = await Promise.all([
    answer.json(),
    ort.InferenceSession.create(new URL("draw.onnx", FILES).href),
  ]);
  return { ...told, session };
}

function script(address) {
  return new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = address;
    element.onload = done;
    element.onerror = () => failed(new Trouble("The drawing program is missing from this copy of the site: draw in lesson 0 instead."));
    document.head.append(element);
  });
}

/* --- What a caption says ------------------------------------------------------------------------------------------ */

const tokens = (text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
const plain = (text) => tokens(text).filter((word) => word !== "a").join(" ");

/* The caption of the world that the reader means; articles, capitals and the full stop do not matter. */
function parse(text, captions) {
  const found = captions.find((caption) => plain(caption.text) === plain(text));
  if (found) return found;
  const asked = new Set(plain(text).split(" "));
  const likeness = ({ text }) => {
    const said = plain(text).split(" ");
    return said.filter((word) => asked.has(word)).length / (said.length + asked.size);
  };
  const nearest = captions.reduce((best, caption) => (likeness(caption) > likeness(best) ? caption : best));
  throw new Trouble(`The model knows no picture of “${text}”; try “${nearest.text}”`);
}

/* Each word's vector, turned to say where it stands, added up. */
function captionKey(text, words) {
  const spoken = tokens(text).map((word) => words[word]);
  const size = spoken[0].length;
  const key = new Float64Array(size);
  spoken.forEach((vector, place) => {
    for (let pair = 0; pair < size / 2; pair++) {
      const speed = 1.5 * (0.03 / 1.5) ** (pair / (size / 2 - 1));
      const angle = (place + 1) * speed;
      const [one, other] = [vector[2 * pair], vector[2 * pair + 1]];
      key[2 * pair] += one * Math.cos(angle) - other * Math.sin(angle);
      key[2 * pair + 1] += one * Math.sin(angle) + other * Math.cos(angle);
    }
  });
  return key;
}

/* --- The walk from noise to pictures ------------------------------------------------------------------------------ */

/* The network's output for pictures that all hold the same amount of noise; without a key if there is none. */
async function callModel(session, noisy, count, amount, key) {
  const side = Math.sqrt(noisy.length / count / 3);
  const keys = new Float32Array(count * key.length);
  for (let i = 0; i < count; i++) keys.set(key, i * key.length);
  const { output } = await session.run({
    noisy: new ort.Tensor("float32", noisy, [count, 3, side, side]),
    amount: new ort.Tensor("float32", new Float32Array(count).fill(amount), [count]),
    key: new ort.Tensor("float32", keys, [count, key.length]),
  });
  return output.data;
}

/* Draws `count` pictures of a caption; calls `onStep(step, steps, pictures)` after each step.
   noise, result: count x 3 x size x size numbers, one after the other. */
async function walk(text, noise, count, onStep) {
  const { settings, captions, words, session } = await model();
  const caption = parse(text, captions);
  const plainKey = captionKey(caption.text, words);
  const subjectKey = captionKey(caption.subject, words);
  const louder = plainKey.map((number, i) => number + settings.emphasis * subjectKey[i]);
  const nothing = new Float64Array(plainKey.length);
  const [low, high] = settings.guidance_between;
  let pictures = Float32Array.from(noise);
  let last = null;
  for (let step = 0; step < settings.steps; step++) {
    const amount = (settings.steps - step) / settings.steps;
    const after = (settings.steps - step - 1) / settings.steps;
    let output = await callModel(session, pictures, count, amount, amount >= low ? louder : plainKey);
    if (low <= amount && amount <= high) {
      const without = await callModel(session, pictures, count, amount, nothing);
      output = output.map((withKey, i) => without[i] + settings.guidance * (withKey - without[i]));
    }
    const velocity = new Float32Array(pictures.length);
    pictures = pictures.map((noisy, i) => {
      const guess = Math.min(1, Math.max(-1, noisy - amount * output[i]));
      velocity[i] = (noisy - guess) / amount;
      let next = guess + after * velocity[i];
      if (last && after > 0) {
        next += ((after - amount) ** 2 / 2) * ((velocity[i] - last.velocity[i]) / (amount - last.amount));
      }
      return next;
    });
    last = { amount, velocity };
    await onStep?.(step + 1, settings.steps, pictures);
  }
  return pictures;
}

/* Gaussian noise that depends on the seed alone (mulberry32, Box and Muller). */
function gaussian(length, seed) {
  const uniform = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

/* --- The page ----------------------------------------------------------------------------------------------------- */

function paint(canvases, pictures, size) {
  const pixels = size * size;
  canvases.forEach((canvas, number) => {
    canvas.width = canvas.height = size;
    const image = new ImageData(size, size);
    for (let i = 0; i < pixels; i++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = pictures[(3 * number + channel) * pixels + i];
        image.data[4 * i + channel] = Math.round((value + 1) * 127.5); // it clips by itself
      }
      image.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  });
}

function startBox(box) {
  const [input, button, bar, status, pictures] = ["input", "[type=submit]", "progress", "[role=status]", "[role=img]"].map(
    (part) => box.querySelector(part),
  );
  const canvases = Array.from({ length: PICTURES }, () => document.createElement("canvas"));
  pictures.append(...canvases);
  let seed = 0;

  async function draw() {
    button.disabled = true;
    bar.hidden = false;
    bar.removeAttribute("value"); // how long the fetching takes, nobody knows
    status.textContent = "Fetching the model, once …";
    try {
      const { settings, captions } = await model();
      const caption = parse(input.value, captions);
      const noise = gaussian(PICTURES * 3 * settings.size ** 2, seed++);
      pictures.setAttribute("aria-label", `Noise that is becoming: ${caption.text}`);
      pictures.hidden = false;
      paint(canvases, noise, settings.size);
      status.textContent = `Drawing: ${caption.text}`;
      await walk(caption.text, noise, PICTURES, (step, steps, now) => {
        bar.max = steps;
        bar.value = step;
        paint(canvases, now, settings.size);
        return new Promise((shown) => setTimeout(shown)); // lets the browser show it
      });
      pictures.setAttribute("aria-label", `${PICTURES} drawings of: ${caption.text}`);
      status.textContent =
        `${PICTURES} drawings, out of noise: ${caption.text}` +
        (caption.unseen ? " The model was never shown this subject in this place." : "");
    } catch (trouble) {
      status.textContent =
        trouble instanceof Trouble ? trouble.message : `The model could not draw here (${trouble.message}): draw in lesson 0 instead.`;
    }
    bar.hidden = true;
    button.disabled = false;
  }

  box.addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });
  box.querySelectorAll(".examples button").forEach((example) =>
    example.addEventListener("click", () => {
      input.value = example.textContent;
      if (!button.disabled) draw();
    }),
  );
  box.hidden = false;
}

const drawBox = document.getElementById("draw");
if (drawBox) startBox(drawBox);
