# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   course:
#     reading_minutes: 25
#     summary: train word vectors, check that queen - female + male is king, and turn a caption into one key that knows the order of its words
# ---

# %% [markdown]
# # Lesson 4: Keys made of words
#
# **Every arrow below goes from a word to another, and they all go the same way. Nobody told the computer what the words mean. Who drew the arrows?**
#
# ![Eight arrows that all point to the right: from queen to king, actress to actor, heroine to hero, woman to man, daughter to son, wife to husband, female to male, girl to boy.](../../images/word_steps.png)
#
# You will be able to
#
# - train word vectors on a text, and calculate with them: queen - female + male is king;
# - score such sums over a whole list of questions, and say what flatters the score;
# - turn a caption into one *key* that knows the order of its words;
# - take a phrase out of a key and put another one in.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, and needs no network.*

# %%
from course_lib import checks
from course_lib.errors import CourseError
from course_lib.pictures import chart, scatter, table
from course_lib.words import analogies, analogy, analogy_score, bag_key, bind, caption_key
from course_lib.words import corpus, pull_and_push, real_words, skip_gram, speeds, tokens
from course_lib.words import train_words, word_map

import inspect
import torch
from tqdm.auto import tqdm

# %% [markdown]
# ## Words, known by their company
#
# A denoiser that draws what a caption asks for has to be given the caption as numbers. So first each word needs numbers: its *vector*.
# A word is known by the company it keeps: words with the same neighbours should get similar vectors. To learn that, one needs
# a text. This one was made for the course by a small grammar. It is a toy, and silly; a billion words of newspaper would be better, and would take hours.

# %%
sentences = corpus()  # 32,000 lists of words
for sentence in sentences[1:16:2]:
    print(" ".join(sentence))

# %% [markdown]
# Start by counting. Here are two numbers for each of six words: in how many of its sentences is there a "she", "her", "hers" or "herself", and in how many a palace, a crown or a throne?


# %%
def share_with(word, company):
    with_word = [sentence for sentence in sentences if word in sentence]
    return sum(any(c in sentence for c in company) for sentence in with_word) / len(with_word)


chosen = ("queen", "king", "princess", "prince", "girl", "boy")
scatter(
    {
        "counted": {
            word: (
                share_with(word, ("she", "her", "hers", "herself")),
                share_with(word, ("palace", "crown", "throne")),
            )
            for word in chosen
        }
    },
    x="share of sentences with she, her, hers, herself",
    y="with palace, crown, throne",
    about="Six words on a grid by their company. On the right those met with she and her: queen at "
    "the top, princess below, girl at the bottom; on the left, at the same heights, king, prince "
    "and boy.",
)

# %% [markdown]
# Two counts, and the queen stands to the king as the girl to the boy. But who knows beforehand which words to count?
#
# *Word2Vec* (Mikolov et al. 2013, [arXiv:1301.3781](https://arxiv.org/abs/1301.3781)) starts with random vectors and goes through the text. For each word it pulls the vector towards those of the
# words that stand near it, and pushes it away from some random others. That is all it ever learns. We use gensim's program for it,
# with 64 numbers for each word. There is none yet for Python 3.14; there `train_words` takes the course's own program, which comes next.

# %%
words = train_words(sentences, seed=0)  # the same seed gives the same vectors
print(f"{len(words.vocabulary)} words with {words.vectors.shape[1]} numbers each")
print("queen:", [round(number, 2) for number in words.vector("queen")[:6].tolist()], "...")

# %% [markdown]
# <details><summary>The maths</summary>
#
# Each word $w$ has two vectors, $u_w$ (the one we keep) and $c_w$ (for when it stands beside another). For a word $w$, a neighbour $v$ and some words $r$ drawn at random,
# training raises $\log\sigma(u_w\cdot c_v)+\sum_r\log\sigma(-u_w\cdot c_r)$ with $\sigma(x)=1/(1+e^{-x})$: skip-gram with negative sampling
# (Mikolov et al. 2013, [arXiv:1310.4546](https://arxiv.org/abs/1310.4546)).
#
# </details>
#
# ### A look inside
#
# The course's own program, `skip_gram`, is short enough to read. It goes through the text, takes 128 pairs of neighbours at a time, and draws five random words for each pair. Then it takes this step,
# in which the *error* is how much more alike two words should look (above 0: pull) or less (below 0: push):

# %%
print(inspect.getsource(pull_and_push))

# %% [markdown]
# A quarter of the text is enough to see it learn. Before the first pass through it all vectors are random, and so are the words nearest to "sofa". After one pass they are other words of captions. After four
# they are what a sofa has: cushions, an armrest, a nap. The last row is from `train_words`, which had four times as much text: gensim puts other words of captions before the cushions.

# %%
learnt = {
    f"skip_gram, a quarter, passes: {passes}": skip_gram(sentences[:8000], epochs=passes)
    for passes in (0, 1, 4)
}
learnt["train_words, all, passes: 4"] = words
table(
    [
        {"trained by": name, "nearest": ", ".join(dict(w.nearest(w.vector("sofa"), 5)))}
        for name, w in learnt.items()
    ],
    about="The words nearest to sofa, itself first, before, during and after training",
)

# %% [markdown] exercise="cosine" minutes=5 difficulty="first steps"
# ### Exercise 4.1: How alike are two words?
#
# Two vectors are alike if they point the same way. The *cosine* of the angle between them is 1 if they do, 0 at a right angle, -1 if they
# are opposite: multiply number by number, add up, and divide by both lengths. Write `cosine(one, other)`.


# %% solution="cosine"
def cosine(one, other):
    """How nearly two vectors point the same way.

    one, other: tensors of D numbers.  Returns a number from -1 to 1.
    """
    ### BEGIN SOLUTION
    return (one * other).sum() / (one.norm() * other.norm())
    ### END SOLUTION


# %% check="cosine" points=1

# %% [markdown] hints="cosine"
# <details><summary>Hint 1</summary>
#
# What does your number become if one of the vectors is made three times as long? What should it become?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The length of a vector is the root of the sum of its squares; torch has it as `one.norm()`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `(one * other).sum() / (one.norm() * ____)`
#
# </details>

# %% [markdown]
# Whose company is most alike? Here are the nearest words of four, with the cosine.


# %%
def shown(nearest):
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in nearest)


table(
    [
        {
            "word": word,
            "nearest": shown(words.nearest(words.vector(word), 4, leave_out=[word])),
        }
        for word in ("queen", "puppy", "sofa", "flying")
    ],
    about="The four words nearest to each of four, with the cosine",
)

# %% [markdown]
# A map helps to see them all. 64 numbers don't fit on a screen, so the map shows the two directions in which these words differ the most (*principal
# components*). It is a shadow: words that lie far apart may fall together on it.

# %%
groups = {
    "people": "queen king princess prince mother father actress actor waitress waiter girl boy",
    "animals": "puppy hound kitten tomcat foal horse chick hen",
    "the world's words": "cat dog plane rocket black white laying sitting parked flying rug "
    "grass sofa mars wooden runway",
}
chosen = " ".join(groups.values()).split()
places = dict(zip(chosen, word_map(words, chosen), strict=True))  # word -> two numbers
scatter(
    {
        group: {word: places[word] for word in members.split()}
        for group, members in groups.items()
    },
    x="first direction",
    y="second direction",
    about="A map of words in three clusters far apart: people on the right, animals above, the "
    "words of the captions on the left. Some names are left out where they would overlap.",
)

# %% [markdown]
# ## Queen - female + male
#
# Vectors can be added and taken away, number by number. [The explainer](https://crutcher.github.io/2022/12/25/What-Are-AI-Art-Models/) that this course follows gives the famous sum:
# Queen - Female + Male =~ King. Does it hold?

# %%
print("Queen - female + male:", shown(analogy(words, "queen", "female", "male", count=3)))

# %% [markdown]
# King comes first. But there is a rule in this game that is seldom told: *the words of the question are left out*, here queen, female and male. Without that
# rule:

# %%
everyone = analogy(words, "queen", "female", "male", count=3, leave_out=())
print("All words allowed:", shown(everyone))

# %% [markdown]
# Queen - female + male is nearest to queen. The sum moves only a little way, and king is the next word on the road (in vectors from the course's own program king comes first, with a cosine of 0.97 to 0.94). So the sign =~ is to be read with care:
# it means "king is the nearest of the words that we allow", not "equal". The rule is usual in research too, and it flatters
# (Linzen 2016, "Issues in evaluating semantic spaces using word analogies", [arXiv:1606.07736](https://arxiv.org/abs/1606.07736); Nissim et al. 2020, "Fair is better
# than sensational", [arXiv:1905.09866](https://arxiv.org/abs/1905.09866)).
#
# And yet there is something in it. On this map the direction from "female" to "male" goes across, and what else tells the words apart goes up:

# %% image="word_steps"
pairs = "queen king, actress actor, heroine hero, woman man, daughter son, wife husband, "
pairs = [pair.split() for pair in (pairs + "female male, girl boy").split(", ")]
chosen = [word for pair in pairs for word in pair]
across = words.vector("male") - words.vector("female")
places = dict(zip(chosen, word_map(words, chosen, along=across), strict=True))
scatter(
    {
        "women": {woman: places[woman] for woman, man in pairs},
        "men": {man: places[man] for woman, man in pairs},
    },
    x="from female to male",
    y="the most of the rest",
    arrows=pairs,
    about="Eight arrows that all point to the right: from queen to king, actress to actor, "
    "heroine to hero, woman to man, daughter to son, wife to husband, female to male, girl to "
    "boy.",
)

# %% [markdown]
# For "female" and "male" that is so by construction. For the other pairs it is not: Word2Vec has found that what is said of kings and not of queens is
# what is said of boys and not of girls. That answers the question at the top: the text drew the arrows.

# %% [markdown] exercise="solve" minutes=10 difficulty="some thought"
# ### Exercise 4.2: Solve an analogy
#
# Write `solve(vectors, start, minus, plus)`: the row whose vector is most like `start - minus + plus`, where the three are rows, too, and can't be the answer.
# All vectors have length 1, so a dot product is enough to compare them.


# %% solution="solve"
def solve(vectors, start, minus, plus):
    """Answer one question.

    vectors: V x D, each row of length 1.  start, minus, plus: row numbers.  Returns a row number.
    """
    ### BEGIN SOLUTION
    target = vectors[start] - vectors[minus] + vectors[plus]  # D
    likeness = vectors @ target  # V
    likeness[[start, minus, plus]] = -torch.inf
    return likeness.argmax()
    ### END SOLUTION


# %% check="solve" points=2

# %% [markdown] hints="solve"
# <details><summary>Hint 1</summary>
#
# If you had one number for each row, how much it is like the sum: which row would you take, and which would you cross out before?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `vectors @ target` compares all rows at once. Give the three rows of the question a number that can't win, then take `argmax`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `target = vectors[start] - ____ + vectors[plus]`
#
# </details>

# %% [markdown]
# ## One answer is an anecdote
#
# Anybody can find one sum that works. Our text has 21 pairs of people and 9 pairs of animals (puppy and hound, kitten and tomcat), which make 984 questions. Train five times,
# from five seeds, and ask them all, in three ways: with the rule; without it; and with no sum at all, taking the word nearest to the first one. The last is a *baseline*: what
# you score for free.

# %%
ways = {
    "question words left out": lambda w, a, b, c: analogy(w, a, b, c, count=1),
    "all words allowed": lambda w, a, b, c: analogy(w, a, b, c, count=1, leave_out=()),
    "no sum: nearest to the first": lambda w, a, b, c: w.nearest(
        w.vector(a), 1, leave_out=(a, b, c)
    ),
}
scores = []
for seed in tqdm(range(5), desc="trainings"):
    trained = words if seed == 0 else train_words(sentences, seed=seed)
    row = {"seed": str(seed)}
    for way, answer in ways.items():
        right = [answer(trained, a, b, c)[0][0] == d for a, b, c, d in analogies()]
        row[way] = sum(right) / len(right)
    scores.append(row)

# %%
table(
    [
        {name: value if name == "seed" else f"{value:.2f}" for name, value in row.items()}
        for row in scores
    ],
    about="Share of 984 analogies answered right, for five seeds and three ways to answer",
)

# %% [markdown]
# With the rule nearly all are right, from every seed. Without it up to one in five is lost; from some seeds king comes first all the same. And with no sum at all, more than half are
# right: the word nearest to queen, leaving out queen itself, is king anyway. A score means little without its baseline: what the sum adds is the difference between the
# columns.
#
# In our toy text the regularity was put in by its authors. In real text it is weaker, and whatever else people say of women and men is in the vectors, too.

# %% [markdown] exercise="share_right" minutes=10 difficulty="first steps"
# ### Exercise 4.3: Score a list
#
# Write `share_right(vectors, questions)`: the share of the questions that are answered right, question words left out. If your `solve` passed, use it.


# %% solution="share_right"
def share_right(vectors, questions):
    """How many of the questions are answered right.

    vectors: V x D, each row of length 1.  questions: a list of [start, minus, plus, answer], row
    numbers.  Returns a number from 0 to 1.
    """
    ### BEGIN SOLUTION
    right = 0
    for start, minus, plus, answer in questions:
        likeness = vectors @ (vectors[start] - vectors[minus] + vectors[plus])  # V
        likeness[[start, minus, plus]] = -torch.inf
        right += likeness.argmax().item() == answer
    return right / len(questions)
    ### END SOLUTION


# %% check="share_right" points=2

# %% [markdown] hints="share_right"
# <details><summary>Hint 1</summary>
#
# What should come out if all are right? And if one of four is?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Go through the list, count where the first answer is the one on the list, and divide by how many questions there are.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `right += solve(vectors, start, minus, plus) == ____`
#
# </details>

# %% [markdown]
# ### How much text does it take?
#
# The same grammar, the same program, less text:

# %%
sizes = [500, 1000, 2000, 4000, 8000, 16_000, 32_000]
by_size = [
    analogy_score(train_words(sentences[:size], seed=0), analogies())
    for size in tqdm(sizes[:-1])
]
by_size.append(analogy_score(words, analogies()))  # on all of them: trained above
chart(
    {"share right": (sizes, by_size)},
    x="sentences",
    y="share of analogies right",
    about="The share of analogies answered right against the number of sentences: near 0 up to "
    "2,000, then rising steeply, and nearly 1 at 32,000.",
)

# %% [markdown]
# With 2,000 sentences each person is met some 18 times, and next to nothing comes out right. The same 327 words are known, and each has its 64 numbers; they just don't mean anything yet. Vectors always look like vectors.

# %% [markdown]
# ### Real words
#
# People have trained such vectors on Wikipedia and news: [GloVe](https://nlp.stanford.edu/projects/glove/) has 400,000 words. This cell downloads nothing unless you
# change `False` to `True`. The vectors are then kept on your machine, and the questions are asked once more.

# %%
try:
    glove = real_words("glove-wiki-gigaword-50", download=False)
    print("Queen - female + male:", shown(analogy(glove, "queen", "female", "male", count=3)))
    print(f"{analogy_score(glove, analogies()):.2f} of the 984 analogies are right.")
except CourseError as message:  # not downloaded, or no network: the lesson goes on
    print(message)

# %% [markdown]
# ## From words to a caption
#
# A caption has several words. The first idea is to add their vectors up. Before that we take off the mean of all vectors of caption words, and scale each to length 1, so that
# what all of them share does not drown what tells them apart. A sum of words, whatever their order, is called a *bag of words*. Look what it makes of these two:

# %%
one, other = "Black cat laying on a white sofa.", "White cat laying on a black sofa."


def likeness(one, other):
    return torch.cosine_similarity(one, other, dim=0).item()


print("words of the one:  ", sorted(tokens(one)))
print("words of the other:", sorted(tokens(other)))
print(f"cosine of the two bags: {likeness(bag_key(words, one), bag_key(words, other)):.6f}")

# %% [markdown]
# They are the same bag. No model, however large, can draw the right cat on the right sofa from it. The key has to know the order.
#
# ### Turn each word by its place
#
# The explainer's key therefore says of each phrase at which *offset* it stands: "(offset:7) white and black salt and pepper rug". For a vector to hold that, take its numbers in
# pairs, and read each pair as a point on a sheet of paper. Turn the sheet by some angle for the first word, twice that for the second, and so on; some pairs turn fast, others slowly, like the
# hands of a clock. Many of today's language models tell the order of words in this way (*rotary position embedding*: Su et al. 2021,
# [arXiv:2104.09864](https://arxiv.org/abs/2104.09864)).

# %% [markdown] exercise="turn" minutes=15 difficulty="a challenge"
# ### Exercise 4.4: Turn a vector
#
# A point $(x, y)$ turned by the angle $a$ is $(x\cos a - y\sin a,\; x\sin a + y\cos a)$. Write `turn(vector, offset, speeds)`: numbers 0 and 1 are the first pair,
# 2 and 3 the second, and so on; pair $k$ is turned by `offset * speeds[k]`.


# %% solution="turn"
def turn(vector, offset, speeds):
    """Turn each pair of a vector by its own angle.

    vector: D numbers.  offset: a whole number.  speeds: D / 2 numbers, radians a word.  Returns D numbers.
    """
    ### BEGIN SOLUTION
    x, y = vector[0::2], vector[1::2]  # D / 2 each
    cos, sin = torch.cos(offset * speeds), torch.sin(offset * speeds)
    return torch.stack([x * cos - y * sin, x * sin + y * cos], dim=1).flatten()
    ### END SOLUTION


# %% check="turn" points=3

# %% [markdown] hints="turn"
# <details><summary>Hint 1</summary>
#
# `vector[0::2]` are the numbers 0, 2, 4, ... Which ones are their partners?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compute all first numbers of the turned pairs, then all second ones, both from the *old* numbers. Then put them back one after the other:
# `torch.stack([first, second], dim=1).flatten()`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `first, second = x * cos - y * sin, x * ____ + y * ____`
#
# </details>

# %% [markdown]
# In the library `bind(vectors, offsets)` does this for several words at once, with 32 speeds from 1.5 down to 0.03 radians a word. Turning changes no length. How much is
# the word "sofa" like itself, some words further on?

# %%
steps = torch.arange(11)
sofa = words.centred[words.row("sofa")].expand(11, 64)  # 11 times the same vector
placed = bind(sofa, 1 + steps)  # 11 x 64, at places 1 to 11
fast, slow = speeds(64)[0], speeds(64)[-1]
chart(
    {
        "the whole vector": (steps, placed @ placed[0]),
        "its fastest pair": (steps, torch.cos(fast * steps)),
        "its slowest pair": (steps, torch.cos(slow * steps)),
    },
    x="words further on",
    y="cosine with itself at the first place",
    about="How alike a word is to itself some places further on: the fastest pair swings up and "
    "down between 1 and -1, the slowest stays near 1, and the whole vector falls slowly.",
)

# %% [markdown]
# The slow pairs say *what* the word is, almost wherever it stands: a sofa is known as a sofa one place further on. The fast pairs say *where* it stands. A network can use
# both. To make a caption's key, turn each word by its place, and add them all up.

# %% [markdown] exercise="add_up" minutes=10 difficulty="some thought"
# ### Exercise 4.5: The key of a phrase
#
# Write `add_up(vectors, offset)`: the key of a phrase whose first word stands at `offset`, the second one place after it, and so on. Turn them with the library's
# `bind(vectors, offsets)`, which takes one offset for each row.


# %% solution="add_up"
def add_up(vectors, offset):
    """Turn each word by its place, and add up.

    vectors: N x D, one row a word.  offset: where the first word stands.  Returns D numbers.
    """
    ### BEGIN SOLUTION
    offsets = offset + torch.arange(len(vectors))  # N
    return bind(vectors, offsets).sum(dim=0)
    ### END SOLUTION


# %% check="add_up" points=2

# %% [markdown] hints="add_up"
# <details><summary>Hint 1</summary>
#
# For a phrase of three words at offset 7, which three numbers does `bind` need?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.arange(3)` is 0, 1, 2. `bind` gives back N x D; add up the rows, not the columns.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `bind(vectors, offset + torch.arange(____)).sum(dim=0)`
#
# </details>

# %% [markdown]
# Now the two cats again, and a few captions more in which words have changed places:

# %%
swaps = [
    (one, other),
    ("White cat sitting on a black sofa.", "Black cat sitting on a white sofa."),
    ("Plane parked on a runway.", "Runway parked on a plane."),
    ("Rocket flying over a sofa.", "Sofa flying over a rocket."),
]
order = [
    {
        "caption": first,
        "its words in another order": second,
        "bag": f"{likeness(bag_key(words, first), bag_key(words, second)):.3f}",
        "key": f"{likeness(caption_key(words, first), caption_key(words, second)):.3f}",
    }
    for first, second in swaps
]
table(order, about="Cosine of two captions with the same words in another order")

# %% [markdown]
# For the bag all of them are equal. The key tells them apart.
#
# ## The explainer's sum, to the digit
#
# The explainer takes the key of a whole caption, takes the rug away at its offset, puts a wooden floor there, and says that this is nearly the key of another
# caption. Count the words: in "Maine coon cat laying on a white and black salt and pepper rug" the word "white" is number 7.

# %%
whole = caption_key(words, "Maine coon cat laying on a white and black salt and pepper rug.")
rug = caption_key(words, "white and black salt and pepper rug", offset=7)
floor = caption_key(words, "wooden floor", offset=7)
wanted = caption_key(words, "Maine coon cat laying on a wooden floor.")

got = whole - rug + floor
exact = likeness(got, wanted)
print("sum:   ", [f"{number:+.4f}" for number in got[:5].tolist()])
print("wanted:", [f"{number:+.4f}" for number in wanted[:5].tolist()])
print(f"cosine {exact:.6f}, largest difference {(got - wanted).abs().max():.0e}")

# %% [markdown]
# For our key it is not "nearly": it is equal, up to rounding in the seventh digit. That is no wonder. Our key *is* a sum over words, and what was added can be taken away.
# When is it only nearly equal?

# %%
tail = caption_key(words, "Maine coon cat laying on grass.")
moved = tail - caption_key(words, "Maine coon cat") + caption_key(words, "dog")
wrong = whole - caption_key(words, "white and black salt and pepper rug", offset=6) + floor
same = caption_key(words, "Black cat sitting on grass.") - caption_key(words, "black")
same = same + caption_key(words, "white")
rough = likeness(moved, caption_key(words, "Dog laying on grass."))
cases = {
    "rug -> wooden floor, at the end": exact,
    "black -> white, one word for one": likeness(
        same, caption_key(words, "White cat sitting on grass.")
    ),
    "rug -> wooden floor, rug taken away at offset 6": likeness(wrong, wanted),
    "Maine coon cat -> dog, at the front": rough,
}
table(
    [
        {"what is put in for what": name, "cosine": f"{value:.6f}"}
        for name, value in cases.items()
    ],
    about="How near a key with a phrase put in comes to the key of the caption that was meant",
)

# %% [markdown]
# The sum is exact where nothing behind the phrase has to move: at the end, or when one word takes the place of one word. Put "dog" in for "Maine coon cat", and "laying on grass" should move
# two places to the front; in the sum it stays where it was.

# %% [markdown] exercise="swap" minutes=10 difficulty="some thought"
# ### Exercise 4.6: Put in another phrase
#
# Write `swap(key, old, new, offset)`: the key of a caption in which the phrase `old`, which begins at `offset`, gives way to the phrase `new`. You are given the words' vectors, not
# yet turned: use `bind`.


# %% solution="swap"
def swap(key, old, new, offset):
    """Take one phrase out of a key, and put another in.

    key: D numbers.  old: N x D, new: M x D, one row a word.  offset: where both begin.  Returns D numbers.
    """
    ### BEGIN SOLUTION
    gone = bind(old, offset + torch.arange(len(old))).sum(dim=0)
    come = bind(new, offset + torch.arange(len(new))).sum(dim=0)
    return key - gone + come
    ### END SOLUTION


# %% check="swap" points=2

# %% [markdown] hints="swap"
# <details><summary>Hint 1</summary>
#
# The key is a sum. Which of its terms have to go, and which have to come?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Make the keys of both phrases as in exercise 4.5, each with its own number of words, both beginning at `offset`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `return key - add_up(old, offset) + add_up(____, offset)`
#
# </details>

# %% [markdown]
# ## What is a toy here, and what is not
#
# - *Word2Vec's sum is rough.* In gensim's vectors from the first seed, queen - female + male is nearer to queen than to king; the =~ of the explainer needs the rule that leaves queen out.
# - *Our key's sum is exact because we built it so.* It is a sum of turned word vectors, in the spirit of the explainer's.
# - *Today's models don't add up word vectors.* The first Stable Diffusion reads captions with the text half of CLIP (Radford et al. 2021, [arXiv:2103.00020](https://arxiv.org/abs/2103.00020)), Imagen with T5
#   (Saharia et al. 2022, [arXiv:2205.11487](https://arxiv.org/abs/2205.11487)). Both are transformers: every word's vector is changed by every word around it that the network may look at, in many layers, and the whole
#   row of vectors is handed to the denoiser, not one sum. For those keys the explainer's sum holds only roughly, if at all.
# - *Order is hard for them, too.* CLIP often can't tell which of two captions with the same words belongs to a picture (Yuksekgonul et al. 2022, "When and why vision-language models behave like
#   bags-of-words", [arXiv:2210.01936](https://arxiv.org/abs/2210.01936)).
#
# What carries over is the idea: a caption becomes numbers in which the parts of the caption can still be found.

# %% [markdown]
# ## What you measured

# %%
ruled, free, nothing = ([row[way] for row in scores] for way in ways)
print(
    f"984 analogies, five seeds: {min(ruled):.2f} to {max(ruled):.2f} right with the rule, "
    f"{min(free):.2f} to {max(free):.2f} without it, {min(nothing):.2f} to {max(nothing):.2f} "
    "with no sum at all."
)
print(f"With 2,000 sentences instead of 32,000: {by_size[sizes.index(2000)]:.2f}.")
print(
    f"The explainer's sum on our keys: cosine {exact:.6f}; with a phrase of another length in "
    f"front: {rough:.2f}."
)
print(
    f"Black cat, white sofa and the other way round: bag {order[0]['bag']}, key {order[0]['key']}."
)

# %% [markdown]
# **Go further.** A key of 64 numbers has to hold up to twelve words. How few numbers are enough? Train with `train_words(sentences, size=16)` and look at the cosines of the swapped captions, and at the analogies. What of `size=4`?
#
# **The next question.** A key has parts that can be found, and put together anew. If *one* denoiser is given a picture's key along with the noisy picture: can it
# draw what no picture ever showed it, "Maine coon cat laying on runway on Mars"? That is lesson 5, one conditional model keyed by captions.
