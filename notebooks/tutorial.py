# %% [markdown]
# # From a pixel to a trained network
#
# In this notebook you build, train, measure and look into a convolutional neural network (CNN) that
# reads handwritten digits. Everything happens in plain PyTorch, in the cells, where you can read
# and change it. Where a chapter ends, a line shows how to do the same with `digits`, the package
# that this notebook comes with.
#
# You need to know a little Python, and roughly what a derivative is. You do not need a graphics
# card: the whole notebook runs in less than three minutes on two processor cores that do nothing else.
#
# You change one idea at a time, and measure each. Here is the route:
#
# | chapter | what changes | name in the tables | validation accuracy, more than |
# | --- | --- | --- | ---: |
# | 2 | one layer of weights, 12,000 images | `linear` | 87 % |
# | 6 | two convolutions | `compact` | 93 % |
# | 7 | a learning rate that falls | `compact, falling rate` | 95.5 % |
# | 8 | more weights, and dropout | `classic` | 95.5 % |
# | 9 | four convolutions | `deep` | 96 % |
# | 10 | all 55,000 images | `compact, all images` | 98 % |
# | 10 | twice through the images | `compact, 2 epochs` | 98.5 % |
# | 10 | images changed at random | `compact, augmented` | 98.5 % |
#
# Each chapter ends with exercises. Try them in the cell below each; a solution is folded away
# under it. Three figures have a slider, if the package `ipywidgets` is there and the notebook runs;
# else they show some of the values side by side.

# %% [markdown]
# ## 0 Setting up
#
# You need not read this cell: it installs what is missing. After `make tutorial` nothing is
# missing, and the cell does nothing.

# %%
import importlib.util
import subprocess
import sys
from pathlib import Path

needed = ["digits", "torch", "matplotlib", "sklearn", "tqdm"]
missing = [name for name in needed if importlib.util.find_spec(name) is None]
if missing:
    places = [Path.cwd(), *Path.cwd().parents, *Path.cwd().glob("*/")]
    clone = next((place for place in places if (place / "src" / "digits").is_dir()), None)
    if clone is None:
        raise FileNotFoundError(
            f"{missing[0]} is not installed, and no clone of digits is here to install it from: "
            "clone the repository, and open this notebook in the clone."
        )
    # A fresh environment gets the versions that we test with; another one keeps what it has.
    versions = ["-c", clone / "constraints.txt"] if "torch" in missing else []
    wishes = [f"digits[train] @ {clone.resolve().as_uri()}", "scikit-learn", "tqdm"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *versions, *wishes], check=True)
    importlib.invalidate_caches()

# %% [markdown]
# Now the libraries. `torch` computes with arrays of numbers, called *tensors*, and knows how to
# differentiate; `torch.nn` holds the layers of networks, and `F` the same layers as functions.
# `tqdm` draws progress bars. From `digits` this notebook takes the data and the drawing of figures.

# %%
import itertools
import math
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import Markdown, display
from torch import nn
from tqdm import tqdm

import digits
from digits import plots
from digits.hardware import select_precision

device = "cuda" if torch.cuda.is_available() else "cpu"
# Whether this machine computes faster with numbers of half the size. Chapter 17 explains it.
half_size = select_precision("auto", torch.device(device)) == "bfloat16"
print(f"torch {torch.__version__} on {device}, {torch.get_num_threads()} threads")

# %% [markdown]
# ## 1 The data
#
# MNIST is 70,000 images of handwritten digits with their labels: 60,000 to learn from and 10,000 to
# test with. Clerks and school pupils in the United States wrote them. Each image has 28×28 pixels.
#
# ### Loading
#
# The set consists of four files. `digits data` fetches them once, checks them against their
# published checksums and keeps them; `describe` does the same in Python and tells where they are.
# Their format, IDX, could hardly be simpler: a few bytes that say how large the array is, and then
# the array, one byte per number.

# %%
from digits.data import describe

files = {file["name"]: Path(file["path"]) for file in describe()["files"]}


def read_idx(name, header_bytes):
    content = files[name].read_bytes()
    return torch.tensor(np.frombuffer(content, np.uint8, offset=header_bytes))


all_images = read_idx("train-images-idx3-ubyte", 16).view(60_000, 28, 28)
all_labels = read_idx("train-labels-idx1-ubyte", 8).long()
test_images = read_idx("t10k-images-idx3-ubyte", 16).view(10_000, 28, 28)
test_labels = read_idx("t10k-labels-idx1-ubyte", 8).long()

low, high = int(all_images.min()), int(all_images.max())
print(f"images {tuple(all_images.shape)}, {all_images.dtype}, from {low} to {high}")
print(f"labels {tuple(all_labels.shape)}, the first ten: {all_labels[:10].tolist()}")

# %% [markdown]
# ### Looking
#
# This is what the network will get: no strokes, no curves, only numbers. 0 is paper, 255 is ink.
# Here is the first image.

# %%
plots.pixel_values(all_images[0])

# %% [markdown]
# And here are five of each digit. Look at how different the writers are: fours that are open and
# closed, sevens with and without a bar, ones that lean. A network has to find what they have in
# common.

# %%
plots.samples(all_images, all_labels)

# %% [markdown]
# All ten digits occur about equally often. This matters: were nine of ten images a 1, a network
# that always answers "1" would be right nine times in ten, having learned nothing.

# %%
print("digit  images")
for digit, count in enumerate(all_labels.bincount().tolist()):
    print(f"{digit:5}  {count:6,}  {'#' * (count // 200)}")

# %% [markdown]
# ### Splitting
#
# A network is judged by images that it has not learned from; the ones that it has learned from, it
# may simply know by heart. So there are three parts:
#
# - **training images**, to learn from;
# - **validation images**, 5,000 taken out of the training set, to choose by: which network, how
#   long, which learning rate;
# - **test images**, to measure with once, at the very end. If you choose by the test set, you find
#   what happens to suit these 10,000 images, and report an accuracy that new images will not
#   confirm.
#
# A shuffle before the cut makes both parts alike. It begins with a *seed*: the same seed gives the
# same "random" numbers, so you get the same split as everyone else.
#
# First a word on *shapes*, as they are where most people get lost. The shape of a tensor lists the
# length of each of its axes: five images of 28×28 pixels have the shape (5, 28, 28). Watch what each
# line below does to it. The numbers are the same in all of them; only the axes differ.

# %%
five_images = all_images[:5]
steps = {
    "five_images": five_images,
    "five_images[0]                one of them": five_images[0],
    "five_images[0, 12]            its row 12": five_images[0, 12],
    "five_images[0][None]          a new axis in front": five_images[0][None],
    "five_images.unsqueeze(1)      a new axis as number 1": five_images.unsqueeze(1),
    "five_images.flatten(1)        all axes from 1 on become one": five_images.flatten(1),
    "five_images.flatten(1).view(5, 4, 196)   and two again": five_images.flatten(1).view(
        5, 4, 196
    ),
}
for what, tensor in steps.items():
    print(f"{tuple(tensor.shape)!s:<16} {what}")

# %% [markdown]
# Axes are counted from 0. An axis of length 1 changes nothing; it only says "one image" or "one
# channel" to a layer that expects the axis. Now the split.

# %%
order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
validation, training = order[:5_000], order[5_000:]

# A network takes images with a channel axis: (how many, channels, height, width). A grey
# image has one channel.
train_images = all_images[training].unsqueeze(1).to(device)
train_labels = all_labels[training].to(device)
valid_images = all_images[validation].unsqueeze(1).to(device)
valid_labels = all_labels[validation].to(device)

# For most chapters 12,000 images are enough, and quicker.
few_images, few_labels = train_images[:12_000], train_labels[:12_000]
print(f"training {tuple(train_images.shape)}, validation {tuple(valid_images.shape)}")

# %% [markdown]
# ### Normalising
#
# Pixels run from 0 to 255, and four of five are 0. Networks learn best from numbers whose mean is
# about 0 and whose standard deviation (their typical distance from the mean) is about 1. Otherwise
# the first steps of learning are far too large for some weights and too small for others. So we
# subtract the mean of all training pixels and divide by their standard deviation:
#
# $$x_\text{normalised} = \frac{x / 255 - \text{mean}}{\text{standard deviation}}$$
#
# The usual place for this is the code that loads the data. Ours is the first layer of the network:
# there it can't be forgotten when the network reads another picture later. Chapter 6 measures what
# it is worth.
#
# A layer is a class. Calling it, as in `Normalize()(train_images)`, makes the layer and then runs
# its `forward`.

# %%
scaled = train_images.float() / 255
mean, std = scaled.mean().item(), scaled.std().item()
print(f"mean {mean:.4f}, standard deviation {std:.4f}")


class Normalize(nn.Module):
    def forward(self, pixels):
        return (pixels.float() / 255 - mean) / std


normalised = Normalize()(train_images)
new_mean, new_std = abs(normalised.mean().item()), normalised.std().item()
print(f"afterwards: mean {new_mean:.4f}, standard deviation {new_std:.4f}")
del scaled, normalised

# %% [markdown]
# **The same with `digits`:** `load` fetches, checks and reads, `split` holds out 5,000 images,
# though not the same ones as ours.

# %%
mnist = digits.load("mnist")
train, valid = mnist.split(validation_size=5_000)
print(f"{len(train):,} to train with, {len(valid):,} held out, {len(mnist.test):,} to test with")
print("the same images:", torch.equal(mnist.train.images, all_images))

# %% [markdown]
# ### Exercises
#
# **1. How much ink.** Which digit takes the most ink, on average over all training images, and which
# the least? (`all_images[all_labels == 7]` are all sevens.)

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# ```python
# ink_by_digit = [all_images[all_labels == digit].float().mean().item() for digit in range(10)]
# for digit, level in enumerate(ink_by_digit):
#     print(f"{digit}: {level:.1f} of 255")
# assert int(np.argmax(ink_by_digit)) == 0
# assert int(np.argmin(ink_by_digit)) == 1
# ```
#
# A 0 takes more than twice the ink of a 1. So a single number per image, its mean, already says
# something about the digit; a network that looks at 784 numbers should do far better.
#
# </details>

# %% [markdown]
# ## 2 The simplest network
#
# Before we use convolutions, let us see how far one goes without. The simplest network has a single
# layer: for each digit it holds one weight per pixel. Multiply each pixel by its weight, add
# everything up, add one more number (the *bias*), and you have a score for that digit. The ten
# scores are called **logits**. The digit with the highest score is the answer. `nn.Sequential` runs
# its layers one after the other.
#
# $$\text{logit}_d = \sum_{i=1}^{784} w_{d,i}\, x_i + b_d$$

# %%
torch.manual_seed(0)
linear = nn.Sequential(Normalize(), nn.Flatten(), nn.Linear(28 * 28, 10)).to(device)


def count_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


print(f"{count_parameters(linear):,} parameters: 784 × 10 weights and 10 biases")

# %% [markdown]
# ### From logits to probabilities: softmax
#
# Scores may be any numbers. **Softmax** makes probabilities of them: raise e to the power of each,
# so that all are positive, and divide by their sum, so that they add up to 1.
#
# $$p_d = \frac{e^{z_d}}{\sum_k e^{z_k}}$$
#
# where $z_d$ is the logit of digit $d$. The order stays as it was; what was a little larger becomes
# a lot more likely. Weights begin as small random numbers, so this network still knows nothing, and
# no probability stands far above the one tenth of pure guessing.

# %%
with torch.no_grad():  # no gradients are needed here
    logits = linear(few_images[:1])[0].cpu()
print("the label is", few_labels[0].item())
plots.softmax(logits, logits.softmax(dim=0))

# %% [markdown]
# ### How wrong is it: cross-entropy
#
# To improve, the network needs one number that says how wrong it is: the **loss**. We take the
# *cross-entropy*: the negative logarithm of the probability that it gave to the right digit.
#
# $$\text{loss} = -\ln p_\text{right}$$
#
# Sure and right costs almost nothing. Not knowing, with one tenth for each digit, costs
# $-\ln 0.1 = 2.30$. Sure and wrong is punished without limit. The unit of a natural logarithm is
# the *nat*.

# %%
p = torch.linspace(0.005, 1, 200)
loss = F.cross_entropy(logits[None], few_labels[:1].cpu()).item()
print(f"loss of the untrained network on this image: {loss:.2f} nats")
plots.lines(
    {"": (p.tolist(), (-p.log()).tolist())},
    x_label="probability given to the right digit",
    y_label="cross-entropy (nats)",
)

# %% [markdown]
# ### Downhill: the gradient
#
# The loss depends on all 7,850 parameters, 7,840 weights and 10 biases. (Below, *weights* means
# both.) The **gradient** is the list of its derivatives: for each weight, how fast the loss grows
# when that weight grows. Go a small step against it, and the loss falls:
#
# $$w \leftarrow w - \eta \, \frac{\partial\, \text{loss}}{\partial w}$$
#
# Here $\partial\,\text{loss} / \partial w$ is the derivative by this weight, all others held fixed,
# and $\leftarrow$ means "becomes". The factor $\eta$ is the **learning rate**. PyTorch computes the
# gradient: `loss.backward()` goes back through everything that was computed and applies the chain
# rule; chapter 3 does it by hand. Here it is for the loss of 500 images.

# %%
batch, answers = few_images[:500], few_labels[:500]
loss = F.cross_entropy(linear(batch), answers)
loss.backward()  # now each parameter has its derivatives in .grad

layer = linear[2]
print(f"weights {tuple(layer.weight.shape)}, derivatives {tuple(layer.weight.grad.shape)}")
print(f"biases  {tuple(layer.bias.shape)},     derivatives {tuple(layer.bias.grad.shape)}")

# %% [markdown]
# How large should the step be? Let us try many sizes, each from the same starting point.

# %%
x = Normalize()(batch).flatten(1)
sizes = np.logspace(-3, -0.1, 40)
losses = []
with torch.no_grad():
    for size in sizes:
        weight = layer.weight - size * layer.weight.grad
        bias = layer.bias - size * layer.bias.grad
        losses.append(F.cross_entropy(x @ weight.T + bias, answers).item())  # @: matrix product

best_size = sizes[np.argmin(losses)]
print(f"loss before {loss.item():.2f}; after the best step, of {best_size:.2f}: {min(losses):.2f}")
plots.lines(
    {"after the step": (sizes, losses), "before": (sizes[[0, -1]], [loss.item()] * 2)},
    x_label="learning rate of one step (log scale)",
    y_label="loss (nats)",
    log_x=True,
)

# %% [markdown]
# Too small a step changes nothing. Too large a step overshoots the valley and ends higher than it
# began. In between lies the rate to use; finding it is half of the craft.
#
# One step is not yet training. Here are twenty, all at one rate, from the same starting point.

# %%
start_inputs, start_answers = x, answers
start_weights = {name: values.clone() for name, values in layer.state_dict().items()}


def descend(rate):
    """The loss at each of twenty steps at this rate."""
    model = nn.Linear(784, 10).to(device)
    model.load_state_dict(start_weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)  # the rule above
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(model(start_inputs), start_answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% [markdown]
# With the slider, look for the rate at which the loss begins to jump.


# %%
def draw_descents(*rates):
    curves = {f"rate {rate:g}": (range(1, 21), descend(rate)) for rate in rates}
    return plots.lines(curves, x_label="step", y_label="loss (nats)")


rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3]
plots.Slider(draw_descents, label="learning rate", values=rates, shown=[0.01, 0.001, 0.1, 0.3])

# %% [markdown]
# ### Step by step: batches, epochs, Adam
#
# Computing the gradient over all images for a single step would be a waste: 64 images, a **batch**,
# already tell the direction quite well. So we shuffle the images, go through them batch by batch,
# and make a step after each. One pass through all images is an **epoch**.
#
# A step is four lines, and every network in this notebook learns by them:


# %%
def forward(model, images):
    """Logits of a batch of images."""
    with torch.autocast(device, torch.bfloat16, enabled=half_size):  # chapter 17
        return model(images).float()


def train_step(model, optimizer, images, labels):
    """Move the weights by one step. Gives the loss before it, the mean over the images."""
    loss = F.cross_entropy(forward(model, images), labels)
    optimizer.zero_grad()  # forget the gradients of the last step
    loss.backward()  # compute new ones
    optimizer.step()  # move the weights
    return loss.item()


# %% [markdown]
# Here they make five steps on one and the same batch.

# %%
torch.manual_seed(0)
model = nn.Sequential(Normalize(), nn.Flatten(), nn.Linear(784, 10)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
for step in range(1, 6):
    loss = train_step(model, optimizer, few_images[:64], few_labels[:64])
    print(f"step {step}: loss before it {loss:.3f} nats")

# %% [markdown]
# So far the rule for a step is the plain one from above (`SGD`, stochastic gradient descent). The
# rule that we shall use is **Adam** (from *adaptive moments*). It keeps two running averages for
# each weight: of the gradient, $m$, which smooths out the differences between batches, and of its
# square, $v$. The step is
#
# $$w \leftarrow w - \eta\, \frac{m}{\sqrt{v} + \varepsilon}$$
#
# where $\varepsilon$ is tiny and prevents a division by zero. Dividing by $\sqrt v$ makes the step
# about $\eta$ where batches agree on the direction, and smaller where they do not, however steep
# the loss is. (Both averages begin at 0; PyTorch makes up for that in the first steps.) That is why
# a rate of 0.001 serves nearly always as a first try.
#
# What the rule is worth can be measured. This function makes some steps and keeps their losses:


# %%
def train_briefly(model, optimizer, num_steps):
    """Train on batches of 64. Gives, for each ten steps, their end and the mean of their losses."""
    batches = list(zip(few_images.split(64), few_labels.split(64)))[:num_steps]
    losses = [train_step(model, optimizer, images, labels) for images, labels in batches]
    # Single batches jump too much to be looked at.
    return range(10, num_steps + 1, 10), np.reshape(losses, (-1, 10)).mean(axis=1)


# %% [markdown]
# And here are 150 steps from the same weights, on the same batches, with the plain rule at two rates
# and with Adam.

# %%
optimizers = {
    # `lambda` makes a function without a name: here, from weights to the optimizer of them.
    "plain, rate 0.001": lambda weights: torch.optim.SGD(weights, lr=0.001),
    "plain, rate 0.1": lambda weights: torch.optim.SGD(weights, lr=0.1),
    "Adam, rate 0.001": lambda weights: torch.optim.Adam(weights, lr=0.001),
}
curves = {}
for name, make in optimizers.items():
    torch.manual_seed(0)
    model = nn.Sequential(Normalize(), nn.Flatten(), nn.Linear(784, 10)).to(device)
    curves[name] = train_briefly(model, make(model.parameters()), num_steps=150)

plots.lines(curves, x_label="steps of 64 images", y_label="loss (nats)")

# %% [markdown]
# With the right rate the plain rule does as well here, or better; with a wrong one it hardly moves.
# Adam's usual rate works without looking for it.
#
# Here is the whole of training, in ten lines: three epochs over 12,000 images.

# %%
torch.manual_seed(0)
optimizer = torch.optim.Adam(linear.parameters(), lr=1e-3)

began = time.perf_counter()
for epoch in range(1, 4):
    loss_sum = 0.0
    for chosen in torch.randperm(len(few_images)).split(64):
        loss = train_step(linear, optimizer, few_images[chosen], few_labels[chosen])
        loss_sum += loss * len(chosen)
    print(f"epoch {epoch}: loss {loss_sum / len(few_images):.4f} nats per image")
seconds = time.perf_counter() - began


# %% [markdown]
# ### Evaluating
#
# The accuracy is the fraction of images whose highest logit is that of the right digit. Two
# switches belong to every evaluation. `eval()` puts the network into evaluation mode; some layers
# behave differently there, as chapter 8 shows. `inference_mode()` tells PyTorch not to remember
# what is needed for gradients, which saves time and memory.


# %%
def predict(model, images):
    """Logits of images, a thousand images at a time."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([forward(model, batch) for batch in images.split(1_000)])


logits = predict(linear, valid_images)
print(f"{tuple(logits.shape)}: ten logits for each image")
print("read:  ", logits[:10].argmax(dim=1).tolist())
print("labels:", valid_labels[:10].tolist())


# %%
def accuracy(logits, labels):
    return (logits.argmax(dim=1) == labels).double().mean().item()


print(f"{accuracy(logits, valid_labels):.2%} of {len(valid_labels):,} are right")

# %% [markdown]
# We shall compare many networks. So each is recorded in a table, which grows from chapter to
# chapter. (The seconds are those of the machine that ran this notebook, whatever else it did.)


# %%
def show_table(heads, rows):
    """Show a table: names to the left, numbers to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    display(Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines)))


results = {}


def record(name, model, seconds):
    """Measure a model on the validation images, and show the table so far."""
    measured = accuracy(predict(model, valid_images), valid_labels)
    results[name] = (f"{measured:.2%}", f"{count_parameters(model):,}", f"{seconds:.1f}")
    heads = ["network", "validation accuracy", "parameters", "training, seconds"]
    show_table(heads, [(network, *row) for network, row in results.items()])


record("linear", linear, seconds)

# %% [markdown]
# Nine of ten, after a second or so. Such weights can be drawn: for each digit, orange where ink
# speaks for it and blue where ink speaks against it. 0 to 4 are in the upper row, 5 to 9 in the lower
# one. The 0, for one, wants no ink in its middle.

# %%
plots.filters(linear[2].weight.detach().cpu().view(10, 1, 28, 28), num_columns=5)

# %% [markdown]
# It is a template for each digit, and that is the trouble. Shift a digit by a few pixels, and it no
# longer lies under its template:

# %%
print(f"{'shift':>6}  accuracy")
for pixels in range(5):
    shifted = valid_images.roll(pixels, dims=3)  # dims: (image, channel, row, column)
    print(f"{pixels:>6}  {accuracy(predict(linear, shifted), valid_labels):.1%}")

# %% [markdown]
# **The same with `digits`:** `compute_metrics` takes logits and labels, and gives the accuracy with
# its 95 % interval (chapter 13 explains it), the confusion matrix and more.

# %%
from digits.evaluation.metrics import compute_metrics

metrics = compute_metrics(predict(linear, valid_images).cpu(), valid_labels.cpu())
low, high = metrics.interval
print(f"{metrics.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}")

# %% [markdown]
# ### Exercises
#
# **2. Cross-entropy by hand.** A network gives the logits 2, 1 and 0 for three classes, and the
# first is right. Compute the probabilities and the loss with `math.exp` and `math.log`, and compare
# with `F.cross_entropy`.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# ```python
# powers = [math.exp(logit) for logit in (2.0, 1.0, 0.0)]
# shares = [power / sum(powers) for power in powers]
# by_hand = -math.log(shares[0])
# by_torch = F.cross_entropy(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([0])).item()
# print([round(share, 3) for share in shares], f"loss {by_hand:.4f} nats")
# assert math.isclose(by_hand, by_torch, rel_tol=1e-5)
# ```
#
# Add 100 to all three logits and try again: the loss stays, as only differences of logits matter.
#
# </details>

# %% [markdown]
# ## 3 How the gradient is found
#
# `loss.backward()` was one line. This chapter does by hand what it does, for a network of four
# numbers. The same rules, applied millions of times, train every other network.
#
# The network takes one number $x$. Two weights make two numbers of it, $a_1$ and $a_2$. What is
# negative becomes 0 (this is **ReLU**, which the next chapter needs again), and gives $h_1$ and
# $h_2$. Two more weights make one answer $y$ of them. The answer should be 2, so the loss is
# $(y - 2)^2$.
#
# ### Forward
#
# From left to right each number follows from those before it.

# %%
x, wanted = 2.0, 2.0
w1, w2, w3, w4 = 0.5, 1.5, -1.0, 0.8

a1, a2 = w1 * x, w2 * x
h1, h2 = max(0.0, a1), max(0.0, a2)  # ReLU
y = w3 * h1 + w4 * h2
loss = (y - wanted) ** 2
print(f"y = {y:.1f}, loss = {loss:.2f}")

# %% [markdown]
# As a drawing, with a box for each number, and the weights on the lines between them. (The cell says
# where each box stands; you need not read it.)

# %%
numbers = {
    "x": x, "w1": w1, "w2": w2, "w3": w3, "w4": w4,
    "a1": a1, "a2": a2, "h1": h1, "h2": h2, "y": y, "loss": loss,
}  # fmt: skip
places = {
    "x": (0, 1), "a1": (1.3, 0), "a2": (1.3, 2), "h1": (2.4, 0), "h2": (2.4, 2),
    "y": (3.7, 1), "loss": (4.9, 1),
}  # fmt: skip
links = [
    plots.Link("x", "a1", "×", "w1"),
    plots.Link("x", "a2", "×", "w2"),
    plots.Link("a1", "h1", "ReLU"),
    plots.Link("a2", "h2", "ReLU"),
    plots.Link("h1", "y", "×", "w3"),
    plots.Link("h2", "y", "×", "w4"),
    plots.Link("y", "loss", "(y − 2)²"),
]
plots.computation(places, links, numbers)

# %% [markdown]
# ### Backward
#
# Now we ask of each number: by how much does the loss grow when this number grows a little? That is
# its derivative; we write `d_y` for that of $y$. The **chain rule** says how to get from one to the
# one before it: multiply by the derivative of the step between them. So we begin at the loss, and
# walk to the left.
#
# - Through the square: the derivative of $(y - 2)^2$ by $y$ is $2\,(y - 2)$.
# - Through a product, such as $w_3 h_1$: what goes back to one factor is multiplied by the other.
# - Through ReLU: all of it where the number was positive, nothing where it was not.
# - Where two ways lead back to one number, as to $x$: add both.

# %%
d_y = 2 * (y - wanted)
d_w3, d_w4 = d_y * h1, d_y * h2  # weights: multiplied by what they were multiplied with
d_h1, d_h2 = d_y * w3, d_y * w4
d_a1, d_a2 = d_h1 * (a1 > 0), d_h2 * (a2 > 0)  # ReLU: open or closed
d_w1, d_w2 = d_a1 * x, d_a2 * x
d_x = d_a1 * w1 + d_a2 * w2  # two ways

derivatives = {
    "x": d_x, "w1": d_w1, "w2": d_w2, "w3": d_w3, "w4": d_w4,
    "a1": d_a1, "a2": d_a2, "h1": d_h1, "h2": d_h2, "y": d_y, "loss": 1.0,
}  # fmt: skip
plots.computation(places, links, numbers, derivatives)

# %% [markdown]
# Blue numbers went forward, orange ones (∂) came back. Of the weights, $w_4$ matters most, with a
# derivative of −3.6: raise it by a thousandth, and the loss falls by about 3.6 thousandths.
#
# Are they right? Two checks: PyTorch's `backward`, and a nudge. The nudge raises one weight by a
# millionth, computes the loss again, and divides the difference by that millionth.


# %%
def four_numbers(weights):
    """The loss for four weights."""
    hidden = (weights[:2] * x).relu()
    return (weights[2:] @ hidden - wanted).square()


weights = torch.tensor([w1, w2, w3, w4], dtype=torch.float64, requires_grad=True)
four_numbers(weights).backward()

by_hand = [d_w1, d_w2, d_w3, d_w4]
rows = []
for number, name in enumerate(("w1", "w2", "w3", "w4")):
    nudged = weights.detach().clone()
    nudged[number] += 1e-6
    difference = (four_numbers(nudged) - four_numbers(weights)).item() / 1e-6
    by_torch = weights.grad[number].item()
    assert math.isclose(by_torch, by_hand[number], rel_tol=1e-9)
    assert math.isclose(difference, by_hand[number], rel_tol=1e-4)
    rows.append((name, f"{by_hand[number]:.4f}", f"{by_torch:.4f}", f"{difference:.4f}"))
show_table(["weight", "by hand", "autograd", "nudged"], rows)

# %% [markdown]
# PyTorch keeps such a graph of all that it computes, which is why this is called *autograd*, and
# the way back through it **backpropagation**. It costs about twice what the way forward costs,
# however many weights there are. Nudging would cost one way forward for each weight.
#
# With the derivatives known, a step against them, of 0.02:

# %%
with torch.no_grad():
    stepped = weights - 0.02 * weights.grad
    print("weights", [round(weight, 3) for weight in stepped.tolist()])
    print(f"loss {loss:.3f} before, {four_numbers(stepped).item():.3f} after")

# %% [markdown]
# ### Exercises
#
# **3. A closed ReLU.** Set $w_1$ to −0.5 and find all four derivatives, first on paper, then with
# autograd. Which weights can't learn from this $x$?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 3</summary>
#
# ```python
# closed = torch.tensor([-0.5, 1.5, -1.0, 0.8], requires_grad=True)
# first, second = (closed[:2] * 2.0).relu()
# (closed[2] * first + closed[3] * second - 2.0).square().backward()
# print([round(value, 3) for value in closed.grad.tolist()])
# assert closed.grad[0] == 0  # the ReLU lets nothing back
# assert closed.grad[2] == 0  # h1 is 0, so w3 changes nothing
# assert closed.grad[1] != 0
# assert closed.grad[3] != 0
# ```
#
# $a_1$ is −1, so $h_1$ is 0. Neither the weight before the ReLU nor the one behind it makes a
# difference now. Where a ReLU is closed for every image of the training set, the weights before it
# stand still.
#
# </details>

# %% [markdown]
# ## 4 What a convolution computes
#
# A stroke is a stroke wherever it lies. So instead of one weight for each pixel of the image, take
# a small square of weights, 3×3 say, called a **kernel** or *filter*, and slide it over the image.
# At each place multiply the nine pixels by the nine weights and add up. The results form a new
# image, a **feature map**:
#
# $$y_{r,c} = \sum_{i=0}^{2}\sum_{j=0}^{2} k_{i,j}\; x_{r+i,\,c+j}$$
#
# where $x$ is the image, $k$ the kernel, and $r$ and $c$ are the row and column of the result. Nine
# weights serve the whole image, and a shifted digit gives the same map, shifted. Here is a kernel
# that one can read: −1 on the left, +1 on the right. It responds where paper turns into ink from
# left to right.

# %%
five = all_images[0].float() / 255
vertical = torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])

# conv2d works on many images of several channels with many kernels, so it wants four axes of both;
# [None, None] adds two of length 1, and [0, 0] takes them away again.
output = F.conv2d(five[None, None], vertical[None, None])[0, 0]
plots.convolution(five, vertical, output, row=12, column=11)

# %% [markdown]
# Orange is positive: the left edge of a stroke. Blue is negative: the right edge. Where left and
# right are alike, as on empty paper, the sum is zero.
#
# ### The size of what comes out: padding and stride
#
# A 3×3 square fits into 5×5 pixels at 3×3 places, so the map is two pixels smaller than the image.
# Two settings change that. **Padding** puts a border of zeros around the image before the kernel
# slides over it. **Stride** is how many pixels the kernel moves at a time. In each figure the orange
# square on the left gives the orange value on the right; dashed is the next place, dotted the last.

# %%
display(plots.kernel_places(5, 3))
display(plots.kernel_places(5, 3, padding=1))
display(plots.kernel_places(7, 3, stride=2))

# %% [markdown]
# Without padding the map shrinks. With a padding of 1 a 3×3 kernel keeps the size. A stride of 2
# halves it. For an image of width $n$, a kernel of width $k$, a padding $p$ and a stride $s$:
#
# $$\text{width} = \left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1$$
#
# where $\lfloor\;\rfloor$ rounds down: a place that would stick out is left out. In the code `//`
# divides and rounds down. Let us hold the formula against PyTorch, for many sizes.


# %%
def width_after(n, kernel, padding=0, stride=1):
    return (n + 2 * padding - kernel) // stride + 1


print(f"28 pixels, kernel 3: {width_after(28, 3)}; with padding 1: {width_after(28, 3, padding=1)}")
cases = list(itertools.product(range(5, 30), (1, 2, 3, 5), (0, 1, 2), (1, 2, 3)))
for n, kernel, padding, stride in cases:
    map_ = F.conv2d(
        torch.zeros(1, 1, n, n), torch.zeros(1, 1, kernel, kernel), padding=padding, stride=stride
    )
    assert map_.shape[-1] == width_after(n, kernel, padding, stride)
print(f"the formula is right in all {len(cases)} cases")

# %% [markdown]
# All networks of this notebook use 3×3 kernels without padding, and stride 1: 28 becomes 26.
#
# ### ReLU and pooling
#
# Two more operations complete the layer:
#
# - **ReLU** (rectified linear unit) sets what is negative to zero: $\max(0, x)$. It is the bend
#   without which layers would be useless: sums of sums are just sums, and a hundred linear layers
#   could do no more than one.
# - **Max pooling** takes the largest of each 2×2 square:
#   $\max(x_{2r,2c},\, x_{2r,2c+1},\, x_{2r+1,2c},\, x_{2r+1,2c+1})$. The map shrinks to half its
#   width; what was found stays, where exactly it was found becomes less important. That helps when
#   a digit is shifted a little, and leaves a quarter of the work to the next layer.

# %%
kernels = {
    "left edges": vertical,
    "upper edges": vertical.T.contiguous(),
    "mean": torch.full((3, 3), 1 / 9),
}
weights = torch.stack(list(kernels.values())).unsqueeze(1)  # (3 kernels, 1 channel, 3, 3)

maps = F.conv2d(five[None, None], weights)[0]
activated = maps.relu()
pooled = F.max_pool2d(activated, 2)
plots.layer_steps(kernels, {"convolution": maps, "ReLU": activated, "2×2 max pooling": pooled})

# %% [markdown]
# What does the kernel find when it is turned? 0° is the kernel for left edges, 90° that for upper
# ones; in between lies a mixture of both.


# %%
def turned(degrees):
    """A kernel for edges in this direction."""
    angle = math.radians(degrees)
    return (math.cos(angle) * vertical + math.sin(angle) * vertical.T).round(decimals=2)


def draw_turned(*angles):
    kernels = {f"{angle}°": turned(angle) for angle in angles}
    maps = F.conv2d(five[None, None], torch.stack(list(kernels.values())).unsqueeze(1))[0]
    return plots.layer_steps(kernels, {"convolution": maps, "ReLU": maps.relu()})


plots.Slider(draw_turned, label="degrees", values=list(range(0, 360, 15)), shown=[45, 135, 180])

# %% [markdown]
# At 180° all weights have changed their sign, and it finds right edges.
#
# ### Several channels
#
# The first layer gives several maps, and the next one looks at all of them. Maps that lie on top of
# each other are the **channels** of its input. The kernel then has a slice of weights for each
# channel. Each slice slides over its own channel, and the results are added up: three channels in,
# *one* map out.
#
# For an example take three channels: the image, and the maps of its left and its upper edges. (With
# a padding of 1, so that all have the same size.)

# %%
edges = F.conv2d(five[None, None], weights[:2], padding=1)[0].relu()
stack = torch.cat([five[None], edges])
print(f"three channels: {tuple(stack.shape)}")

# %% [markdown]
# The kernel wants left edges and upper edges, but no ink right there: something like an upper left
# corner.

# %%
kernel = torch.stack([torch.full((3, 3), -0.2), torch.full((3, 3), 0.1), torch.full((3, 3), 0.1)])
bias = -0.1
print(f"one kernel: {tuple(kernel.shape)}, {kernel.numel()} weights and one bias")

# Each slice over its own channel, and then the sum.
products = torch.stack(
    [F.conv2d(stack[i][None, None], kernel[i][None, None])[0, 0] for i in range(3)]
)
summed = products.sum(dim=0) + bias

# PyTorch does all three at once.
at_once = F.conv2d(stack[None], kernel[None], torch.tensor([bias]))[0, 0]
print("the same in one call:", torch.allclose(summed, at_once, atol=1e-5))
plots.channels(stack, kernel, products, summed, names=["image", "left edges", "upper edges"])

# %% [markdown]
# A layer has many such kernels, and each gives one map. So the weights of a convolution have four
# axes: which kernel, which channel, and the row and column in the slice.

# %%
second = nn.Conv2d(32, 64, 3)
print(f"32 channels in, 64 maps out: weights {tuple(second.weight.shape)}")
print(f"{second.weight.numel():,} weights and {second.bias.numel()} biases")

# %% [markdown]
# We have chosen the kernels of this chapter. A network starts with random ones, and training finds
# better.
#
# ### Exercises
#
# **4. A convolution by hand.** Write a function `slide(image, kernel)` with two loops that computes
# what `F.conv2d` computes for one image and one kernel.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# ```python
# def slide(image, kernel):
#     height, width = image.shape[0] - 2, image.shape[1] - 2
#     result = torch.zeros(height, width)
#     for row in range(height):
#         for column in range(width):
#             result[row, column] = (image[row : row + 3, column : column + 3] * kernel).sum()
#     return result
#
#
# another = all_images[7].float() / 255
# expected = F.conv2d(another[None, None], vertical[None, None])[0, 0]
# assert torch.allclose(slide(another, vertical), expected, atol=1e-5)
# ```
#
# It gives the same numbers, far more slowly: each turn of the loop is Python's work, while `conv2d`
# does all of it at once in compiled code.
#
# </details>

# %% [markdown]
# **5. Padding and stride.** Which padding keeps 28×28 pixels with a 5×5 kernel? And which padding
# and stride give 14×14 with it? Check with `F.conv2d`.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# ```python
# image, wide = torch.zeros(1, 1, 28, 28), torch.zeros(1, 1, 5, 5)
# assert F.conv2d(image, wide, padding=2).shape[-1] == width_after(28, 5, padding=2) == 28
# assert F.conv2d(image, wide, padding=2, stride=2).shape[-1] == 14
# ```
#
# In general an odd kernel of width k keeps the size with a padding of (k − 1) / 2.
#
# </details>

# %% [markdown]
# ## 5 Three networks, layer by layer
#
# These are the networks that we shall train. `nn.Sequential` runs its layers in the order in which
# they are named. The first has two convolutions, each with a pool, and two fully connected layers.


# %%
class Compact(nn.Sequential):
    """Two convolutions, each with a pool. `width` is the number of maps of the first."""

    def __init__(self, width=32):
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(1, width, 3)
        self.pool1 = nn.MaxPool2d(2)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, 2 * width, 3)
        self.pool2 = nn.MaxPool2d(2)
        self.relu2 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(2 * width * 5 * 5, 64)  # fc: fully connected
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(64, 10)


# %% [markdown]
# Rather than trust our arithmetic, let us send an image through it, layer by layer, and write down
# what comes out.


# %%
def shapes(model):
    """Shape of what each layer gives for one image, by its name."""
    x = torch.zeros(1, 1, 28, 28)
    found = {"image": (1, 28, 28)}
    for name, layer in model.named_children():
        x = layer(x)
        found[name] = tuple(x.shape[1:])
    return found


for name, shape in shapes(Compact()).items():
    print(f"{name:<10} {'×'.join(map(str, shape))}")

# %% [markdown]
# 28 → 26 → 13 → 11 → 5: two pixels off for each convolution, half for each pool. (Half of 11 is
# rounded down.) Here is the same as a drawing, of the layers that change the shape. Blue sheets are
# maps, one behind the other; orange bars are flat numbers. Below each stands its shape, and in grey
# how many parameters it has.


# %%
def draw_network(model):
    steps = list(shapes(model).items())
    changes = [step for step, before in zip(steps[1:], steps) if step[1] != before[1]]
    counts = {name: count_parameters(layer) for name, layer in model.named_children()}
    return plots.network(
        dict([steps[0], *changes]), {name: count for name, count in counts.items() if count}
    )


draw_network(Compact())

# %% [markdown]
# From left to right the maps get smaller, and there are more of them: less about where something
# is, more about what. The two other networks are larger. `Classic` pools only once. (Its layers
# `dropout1` and `dropout2` work in training only; chapter 8 explains them.)


# %%
class Classic(nn.Sequential):
    """Two convolutions and then one pool: ten times the parameters, and dropout against it."""

    def __init__(self, dropout=True):
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.pool = nn.MaxPool2d(2)
        self.relu2 = nn.ReLU()
        self.dropout1 = nn.Dropout2d(0.25 if dropout else 0)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(64 * 12 * 12, 128)
        self.relu3 = nn.ReLU()
        self.dropout2 = nn.Dropout(0.5 if dropout else 0)
        self.fc2 = nn.Linear(128, 10)


draw_network(Classic())


# %%
class Deep(nn.Sequential):
    """Four convolutions, a pool after every second."""

    def __init__(self):
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.pool1 = nn.MaxPool2d(2)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(64, 128, 3)
        self.relu3 = nn.ReLU()
        self.conv4 = nn.Conv2d(128, 256, 3)
        self.pool2 = nn.MaxPool2d(2)
        self.relu4 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(256 * 4 * 4, 50)
        self.relu5 = nn.ReLU()
        self.fc2 = nn.Linear(50, 10)


draw_network(Deep())


# %% [markdown]
# Why does each pool come before its ReLU? The largest of four numbers, with negatives set to zero,
# is the same as the largest of four numbers that had their negatives set to zero first. Pooling
# first leaves ReLU a quarter of the work.
#
# ### How much of the image a value has seen
#
# The **receptive field** of a layer is the square of input pixels that one of its values depends
# on. A kernel of width $n$ widens it by
#
# $$(n - 1) \times \text{spacing},$$
#
# where the spacing is how many pixels of the image neighbouring values are apart. It is 1 at first,
# and each pool doubles it: a 3×3 convolution adds two pixels to the field before a pool, and four
# behind it. A pool itself counts as a kernel of width 2.


# %%
def receptive_fields(model):
    """Width of the receptive field of each convolution and pool, in pixels of the image."""
    field, spacing = 1, 1
    found = {}
    for name, layer in model.named_children():
        if isinstance(layer, nn.Conv2d):
            field += (layer.kernel_size[0] - 1) * spacing
            found[name] = field
        if isinstance(layer, nn.MaxPool2d):
            field += (2 - 1) * spacing
            spacing *= 2
            found[name] = field
    return found


plots.receptive_fields(all_images[0], receptive_fields(Deep()))

# %% [markdown]
# In `Deep` one value behind the last pool has seen 16×16 pixels, most of a digit. The fully
# connected layers see everything.
#
# ### Where the parameters are
#
# Each kernel also has a bias: `conv1` holds 32 × (9 + 1) = 320 parameters.

# %%
for model in (Compact(), Classic(), Deep()):
    in_all = count_parameters(model)
    counts = {name: count_parameters(layer) for name, layer in model.named_children()}
    rows = [(name, f"{n:,}", f"{n / in_all:.1%}") for name, n in counts.items() if n]
    show_table([type(model).__name__, "parameters", "of all"], [*rows, ("all", f"{in_all:,}", "")])

# %% [markdown]
# In `Compact` and `Classic` the first fully connected layer holds nearly all of them; in `Deep` the
# last convolution holds the most.
#
# **The same with `digits`:** the three networks come with the package, raw pixels in, logits out.

# %%
for name in ("compact", "classic", "deep"):
    print(name, f"{count_parameters(digits.build_model(name, mean=mean, std=std)):,}")


# %% [markdown]
# ### Exercises
#
# **6. Counting parameters.** Compute the number of parameters of `Compact` from its sizes, with pen
# and paper or in Python, and compare.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 6</summary>
#
# ```python
# conv1 = 32 * (1 * 3 * 3 + 1)  # 32 kernels of 9 weights, each with a bias
# conv2 = 64 * (32 * 3 * 3 + 1)  # 64 kernels, each over 32 maps
# fc1 = 64 * (64 * 5 * 5 + 1)  # 1,600 numbers to 64
# fc2 = 10 * (64 + 1)
# assert conv1 + conv2 + fc1 + fc2 == count_parameters(Compact()) == 121_930
# ```
#
# The first fully connected layer holds 84 % of them. This is why pooling before it matters so much.
#
# </details>

# %% [markdown]
# **7. The receptive field, measured.** Take the layers of `Deep` up to `pool2`, and ask autograd on
# which pixels a value in the middle depends. (Replace max pools by `nn.AvgPool2d(2)` and ReLUs by
# `nn.Identity()` first, as those let only some numbers through.)

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 7</summary>
#
# ```python
# open_layers = []
# for name, layer in Deep().named_children():
#     if isinstance(layer, nn.Conv2d):
#         nn.init.ones_(layer.weight)  # so that nothing cancels out
#         open_layers.append(layer)
#     if isinstance(layer, nn.MaxPool2d):
#         open_layers.append(nn.AvgPool2d(2))
#     if name == "pool2":
#         break
# seen_image = torch.zeros(1, 1, 28, 28, requires_grad=True)
# nn.Sequential(*open_layers)(seen_image)[0, 0, 2, 2].backward()
# rows_seen = (seen_image.grad[0, 0] != 0).any(dim=1).sum().item()
# print(f"{rows_seen} rows of pixels matter")
# assert rows_seen == receptive_fields(Deep())["pool2"] == 16
# ```
#
# </details>

# %% [markdown]
# ## 6 A convolutional network
#
# We shall train many networks from here on, so the training loop becomes a function. It is the loop
# of chapter 2, built in three parts. The first cuts an epoch into batches: numbers of images,
# shuffled, 64 at a time.


# %%
def shuffled_batches(num_images, batch_size):
    return torch.randperm(num_images).split(batch_size)


torch.manual_seed(0)
batches = shuffled_batches(len(few_images), 64)
print(f"{len(batches)} batches; the first begins with images {batches[0][:5].tolist()}")
print(f"the first has {len(batches[0])} images, the last {len(batches[-1])}")

# %% [markdown]
# The second part is one epoch: a step for each batch, each with a learning rate of its own, as
# chapter 7 wants it. `change` may change the images before they are learned from, for chapter 10.


# %%
def unchanged(images):
    return images


def train_epoch(model, optimizer, images, labels, batches, rates, change=unchanged, quiet=True):
    """Make a step for each batch, at its rate. Gives the mean loss over the images."""
    loss_sum = 0.0
    steps = zip(tqdm(batches, "steps", leave=False, file=sys.stdout, disable=quiet), rates)
    for chosen, rate in steps:
        optimizer.param_groups[0]["lr"] = rate
        loss = train_step(model, optimizer, change(images[chosen]), labels[chosen])
        loss_sum += loss * len(chosen)
    return loss_sum / len(images)


# %% [markdown]
# Here are two epochs over 1,000 images.

# %%
torch.manual_seed(0)
model = Compact().to(device)
optimizer = torch.optim.Adam(model.parameters())
for epoch in (1, 2):
    batches = shuffled_batches(1_000, 64)
    rates = [0.001] * len(batches)
    loss = train_epoch(model, optimizer, few_images[:1_000], few_labels[:1_000], batches, rates)
    print(f"epoch {epoch}: loss {loss:.4f} nats per image")

# %% [markdown]
# The third part puts them together: shuffles from a seed, one epoch after the other. The rate of
# a step is the learning rate, times what a `schedule` says for this part of the training. Until
# chapter 7 that is always 1.


# %%
def constant(progress):
    """Part of the learning rate to use, when this part of the training is done."""
    return 1.0


def fit(
    model, images, labels, *, epochs=1, batch_size=64, learning_rate=0.001,
    schedule=constant, change=unchanged, seed=0, quiet=False,
):  # fmt: skip
    """Train a model, and return the seconds that it took."""
    torch.manual_seed(seed)
    model.train()
    if half_size:
        model.to(memory_format=torch.channels_last)  # chapter 17
    optimizer = torch.optim.Adam(model.parameters())
    began = time.perf_counter()
    for epoch in range(epochs):
        batches = shuffled_batches(len(images), batch_size)
        done = [(epoch + number / len(batches)) / epochs for number in range(len(batches))]
        rates = [learning_rate * schedule(progress) for progress in done]
        loss = train_epoch(model, optimizer, images, labels, batches, rates, change, quiet)
        if not quiet:
            print(f"epoch {epoch + 1}: loss {loss:.4f} nats per image")
    return time.perf_counter() - began


# %% [markdown]
# Now train.

# %%
torch.manual_seed(0)
compact = Compact().to(device)
seconds = fit(compact, few_images, few_labels)
record("compact", compact, seconds)


# %% [markdown]
# The same 12,000 images, seen once instead of three times, and about half as many mistakes. That is
# what convolutions are worth, together with ReLU, one more layer and fifteen times the parameters.
# And what about shifted digits?

# %%
print("shift    linear   compact")
for pixels in (0, 1, 2, 4):
    shifted = valid_images[:2_000].roll(pixels, dims=3)
    without, with_it = (
        accuracy(predict(model, shifted), valid_labels[:2_000]) for model in (linear, compact)
    )
    print(f"{pixels:>5}  {without:>8.1%}  {with_it:>8.1%}")

# %% [markdown]
# Better, and still not good: the maps move with the digit, but the fully connected layers behind
# them care about where things lie. Chapter 10 has a remedy.
#
# ### What normalising is worth
#
# Sixty steps each, from the same weights: once with pixels from 0 to 255, once divided by 255, once
# normalised. The loss is averaged over ten steps.


# %%
class Raw(nn.Module):
    def forward(self, pixels):
        return pixels.float()


class Scaled(nn.Module):
    def forward(self, pixels):
        return pixels.float() / 255


curves = {}
for name, first_layer in {"0 to 255": Raw(), "0 to 1": Scaled(), "normalised": Normalize()}.items():
    torch.manual_seed(0)
    model = Compact().to(device)
    model.normalize = first_layer
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    curves[name] = train_briefly(model, optimizer, num_steps=60)

plots.lines(curves, x_label="steps of 64 images", y_label="loss (nats)")

# %% [markdown]
# Normalised pixels start lowest and stay ahead; with pixels up to 255 the first steps go astray.
# Later the others catch up, since Adam adapts the step of each weight.
#
# ### Looking at predictions
#
# The first six validation images, and the six of which the network is least sure. Bars are the
# probabilities of its three likeliest readings.

# %%
logits = predict(compact, valid_images).cpu()
probabilities = logits.softmax(dim=1)
confidence, predicted = probabilities.max(dim=1)

shown = torch.cat([torch.arange(6), confidence.argsort()[:6]])
plots.predictions(
    valid_images[shown, 0].cpu(), valid_labels[shown].cpu(), probabilities[shown], shown
)

# %% [markdown]
# ### Which digits are taken for which
#
# A **confusion matrix** counts how often each true digit (row) was read as each digit (column).
# Right answers lie on the diagonal; everything off it is a mistake.

# %%
truth = valid_labels.cpu()
confusion = torch.zeros(10, 10, dtype=torch.int64)
for true_digit, read_as in zip(truth, predicted):
    confusion[true_digit, read_as] += 1

plots.confusion_matrix(confusion.tolist())

# %% [markdown]
# For a single digit one asks two questions. Of the images that the network calls a 7, how many are
# a 7? That is the **precision**. Of all sevens, how many did it find? That is the **recall**.

# %%
right = confusion.diagonal()
print("digit  precision  recall")
for digit in range(10):
    precision = right[digit] / confusion[:, digit].sum()
    recall = right[digit] / confusion[digit].sum()
    print(f"{digit:5}  {precision:9.1%}  {recall:6.1%}")

# %% [markdown]
# **The same with `digits`:** one line trains, and keeps everything in a folder: recipe, history,
# weights, results. Here for one epoch over all 55,000 images, with a learning rate that falls
# (chapter 7).

# %%
run = digits.train("compact", epochs=1)
print(f"{run.history[-1].validation_accuracy:.2%} of the validation images, saved in {run.folder}")

# %% [markdown]
# ### Exercises
#
# **8. The other way to write a network.** Most tutorials write a class with a `forward` method.
# Write `Compact` that way, load the weights of `compact` into it, and show that it gives the same
# logits.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 8</summary>
#
# ```python
# class Forward(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.conv1 = nn.Conv2d(1, 32, 3)
#         self.conv2 = nn.Conv2d(32, 64, 3)
#         self.fc1 = nn.Linear(1600, 64)
#         self.fc2 = nn.Linear(64, 10)
#
#     def forward(self, pixels):
#         x = (pixels.float() / 255 - mean) / std
#         x = F.relu(F.max_pool2d(self.conv1(x), 2))
#         x = F.relu(F.max_pool2d(self.conv2(x), 2))
#         x = F.relu(self.fc1(x.flatten(1)))
#         return self.fc2(x)
#
#
# other = Forward().to(device)
# other.load_state_dict(compact.state_dict())
# theirs, ours = predict(other, valid_images[:100]), predict(compact, valid_images[:100])
# assert torch.allclose(theirs, ours, atol=1e-4)
# ```
#
# The names of the layers are the keys of the weights, so they have to be the same. `forward` is the
# more flexible way: in it layers may branch and join.
#
# </details>

# %% [markdown]
# ## 7 A learning rate that falls
#
# Large steps find the valley, small steps find its floor. With a constant rate the weights end up
# jumping about the minimum. So let the rate rise quickly to a level that would be too high to keep,
# and then fall to nearly zero: *one cycle*. (PyTorch's `OneCycleLR` also changes how long Adam
# remembers old gradients.)


# %%
def one_cycle(progress, rise=0.12):
    """Part of the highest learning rate to use, when this part of the training is done."""
    if progress < rise:
        return 0.04 + 0.96 * progress / rise
    return (1 + math.cos(math.pi * (progress - rise) / (1 - rise))) / 2


num_steps = math.ceil(len(few_images) / 64)
falling = [3e-3 * one_cycle(step / num_steps) for step in range(num_steps)]
plots.lines(
    {"one cycle": (range(num_steps), falling), "constant": ([0, num_steps], [1e-3, 1e-3])},
    x_label="step",
    y_label="learning rate",
)

# %%
torch.manual_seed(0)
compact_falling = Compact().to(device)
seconds = fit(compact_falling, few_images, few_labels, learning_rate=3e-3, schedule=one_cycle)
record("compact, falling rate", compact_falling, seconds)

# %% [markdown]
# The same images, the same time, and clearly fewer mistakes. From here on the rate falls.
#
# **The same with `digits`:** `digits.train("compact", schedule="one_cycle")`, which is what the
# recipe says anyway.

# %% [markdown]
# ### Exercises
#
# **9. Another optimizer.** Train `Compact` with `torch.optim.SGD(…, lr=0.05, momentum=0.9)` in
# place of Adam. (Write a loop of your own, with `train_step`.) Then leave out the momentum.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 9</summary>
#
# ```python
# def with_sgd(momentum):
#     torch.manual_seed(0)
#     model = Compact().to(device).train()
#     optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=momentum)
#     for chosen in torch.randperm(10_000).split(64):
#         train_step(model, optimizer, few_images[chosen], few_labels[chosen])
#     return accuracy(predict(model, valid_images), valid_labels)
#
#
# by_momentum = {momentum: with_sgd(momentum) for momentum in (0.9, 0.0)}
# print(by_momentum)
# assert min(by_momentum.values()) > 0.8
# ```
#
# With a well-chosen rate SGD learns well too. Momentum lets steps in the same direction add up,
# like a ball that rolls downhill; without it, the same rate gets less far.
#
# </details>

# %% [markdown]
# ## 8 Overfitting, and dropout
#
# `Classic` pools only once, so 9,216 numbers reach its first fully connected layer: it has 1.2
# million parameters. A network that large can learn its training images by heart. To see it do so,
# give it 500 images only, and compare: how well does it read those, and how well does it read
# others?


# %%
def memorise(model, num_epochs=8):
    """Accuracy on 500 training images and on 1,000 others, after each epoch."""
    images, labels = few_images[:500], few_labels[:500]
    others, their_labels = valid_images[:1_000], valid_labels[:1_000]
    seen, unseen = [], []
    for epoch in tqdm(range(num_epochs), "epochs", leave=False, file=sys.stdout):
        fit(model, images, labels, batch_size=32, seed=epoch, quiet=True)
        seen.append(accuracy(predict(model, images), labels))
        unseen.append(accuracy(predict(model, others), their_labels))
    return seen, unseen


# %% [markdown]
# Here is `Classic` without its two dropout layers and, for what comes next, with them.

# %%
torch.manual_seed(0)
seen, unseen = memorise(Classic(dropout=False).to(device))
torch.manual_seed(0)
seen_dropout, unseen_dropout = memorise(Classic().to(device))

epochs = list(range(1, 9))
plots.lines(
    {
        "images it learned from": (epochs, seen),
        "other images": (epochs, unseen),
        "learned from, with dropout": (epochs, seen_dropout),
        "others, with dropout": (epochs, unseen_dropout),
    },
    x_label="epochs over 500 images",
    y_label="accuracy",
    as_percent=True,
)

# %% [markdown]
# The gap between the first two curves is **overfitting**: what the network has learned about these
# images and not about digits. More different images are the best cure. **Dropout** is meant as
# another: while training, it sets a random part $p$ of the numbers that pass through it to zero,
# and scales up the rest to make up for it:
#
# $$y = \frac{m \, x}{1 - p}, \qquad m = 0 \text{ with probability } p, \text{ else } 1.$$
#
# No number can then rely on one particular other; the network has to find several signs for
# everything. In the figure it learns more slowly at first; by the end the two are too close to tell
# apart with 1,000 images. Dropout needs more epochs than we have time for. `Classic` has both
# common kinds: `Dropout` drops single numbers, `Dropout2d(0.25)` a quarter of the feature maps,
# each as a whole. Here it is, applied to maps of `compact`:

# %%
torch.manual_seed(0)
with torch.no_grad():
    maps = few_images[:1]
    for layer in (compact.normalize, compact.conv1, compact.pool1, compact.relu1):
        maps = layer(maps)
dropped = F.dropout2d(maps, p=0.25)[0, :12].cpu()
titles = ["× 4/3" if kept.any() else "dropped" for kept in dropped]
plots.gallery(255 * dropped / dropped.max(), titles)

# %% [markdown]
# In evaluation mode nothing is dropped: this is what `eval()` is for.

# %%
torch.manual_seed(0)
classic = Classic().to(device)
seconds = fit(classic, few_images, few_labels, learning_rate=3e-3, schedule=one_cycle)
record("classic", classic, seconds)

# %% [markdown]
# Ten times the parameters and, on a quiet machine, about three times the time, for no clear gain after
# one epoch: a few images in 5,000 are chance.
#
# **The same with `digits`:** `digits.train("classic", epochs=5)`.

# %% [markdown]
# ### Exercises
#
# **10. Dropout by hand.** Write `drop(x, p)` from the formula, and show that on average it changes
# nothing: the mean of what comes out is that of what went in.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 10</summary>
#
# ```python
# def drop(x, p):
#     kept = (torch.rand(x.shape) >= p).float()
#     return kept * x / (1 - p)
#
#
# torch.manual_seed(0)
# dropped = drop(torch.ones(100_000), 0.25)
# print(f"mean {dropped.mean().item():.3f}, {(dropped == 0).double().mean().item():.1%} are zero")
# assert abs(dropped.mean().item() - 1) < 0.02
# assert abs((dropped == 0).double().mean().item() - 0.25) < 0.02
# ```
#
# Without the division the next layer would get smaller numbers in training than in evaluation.
#
# </details>

# %% [markdown]
# ## 9 The deeper network
#
# `Deep` has four convolutions. Its last maps have seen 16×16 pixels and can respond to whole parts
# of a digit: a loop, a crossing, the end of a stroke. It has half the parameters of `Classic`,
# because its first fully connected layer takes 4,096 numbers instead of 9,216, and gives 50 instead
# of 128.

# %%
torch.manual_seed(0)
deep = Deep().to(device)
seconds = fit(deep, few_images, few_labels, learning_rate=3e-3, schedule=one_cycle)
record("deep", deep, seconds)

# %% [markdown]
# Image for image it learns more than the others. Second for second it does not: in the same time
# `compact` can go through the images several times. With minutes instead of seconds, all images and
# augmentation (chapter 10), `deep` reaches 99.6 % of the test images, as `digits recipes`
# shows; how much of that is depth and how much is augmentation, those figures do not tell.
#
# **The same with `digits`:** `digits.train("deep", epochs=5)`.

# %% [markdown]
# ### Exercises
#
# **11. Without ReLU.** Replace all three ReLUs of `Compact` by `nn.Identity()`, which does nothing,
# and train on 12,000 images for one epoch, with a falling rate. How much worse does it get? Then
# replace the two max pools by `nn.AvgPool2d(2)`, which takes the mean, as well. What has become of
# the network?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 11</summary>
#
# ```python
# def measure(model):
#     fit(model, few_images, few_labels, learning_rate=3e-3, schedule=one_cycle, quiet=True)
#     return accuracy(predict(model, valid_images), valid_labels)
#
#
# torch.manual_seed(0)
# bare = Compact().to(device)
# bare.relu1, bare.relu2, bare.relu3 = nn.Identity(), nn.Identity(), nn.Identity()
# without_relu = measure(bare)
#
# torch.manual_seed(0)
# straight = Compact().to(device)
# straight.relu1, straight.relu2, straight.relu3 = nn.Identity(), nn.Identity(), nn.Identity()
# straight.pool1, straight.pool2 = nn.AvgPool2d(2), nn.AvgPool2d(2)
# without_bends = measure(straight)
#
# print(f"without ReLU {without_relu:.2%}, with mean pooling as well {without_bends:.2%}")
# assert without_bends < without_relu
# ```
#
# Without ReLU it loses next to nothing: the largest of four numbers is a bend too, so max pooling
# alone keeps the network from being linear. With mean pooling no bend is left. Its 121,930
# parameters then can do no more than the 7,850 of `linear`, and it reads about as well.
#
# </details>

# %% [markdown]
# ## 10 More out of the same network
#
# We stay with `compact`, which is quick, and improve what surrounds it.
#
# ### More images

# %%
torch.manual_seed(0)
compact_all = Compact().to(device)
seconds = fit(compact_all, train_images, train_labels, learning_rate=3e-3, schedule=one_cycle)
record("compact, all images", compact_all, seconds)

# %% [markdown]
# Part of the gain is that one epoch now has 860 steps instead of 188, at the same batch size. But
# nothing helps as surely as more data, and nothing is as expensive when people have to label it.
#
# ### More epochs

# %%
torch.manual_seed(0)
compact_longer = Compact().to(device)
seconds = fit(
    compact_longer,
    train_images,
    train_labels,
    epochs=2,
    learning_rate=3e-3,
    schedule=one_cycle,
)
record("compact, 2 epochs", compact_longer, seconds)


# %% [markdown]
# The loss of the second epoch is far below that of the first, partly because the first includes the
# steps when the network knew nothing. The validation accuracy still grows, so two epochs are not
# too many. Were the training loss to fall while the validation accuracy stood still, that would be
# overfitting.
#
# ### Augmentation
#
# A 5 that is turned a little is still a 5. So turn, shift, scale and slant each image at random
# before each step: the network never sees the same image twice, and can't learn it by heart. All
# four changes are one matrix of two rows: times the place of a pixel in the new image, it gives the
# place in the old one to look at. (So a `scale` above 1 makes the digit smaller.) The last column is
# the shift.


# %%
def random_matrices(n, degrees=10, pixels=2, zoom=0.1, slant=0.1):
    """A matrix (2, 3) for each of n images, random up to these amounts."""

    def up_to(limit):
        return limit * (2 * torch.rand(n) - 1)

    angle, shear = torch.deg2rad(up_to(degrees)), up_to(slant)
    scale = 1 + up_to(zoom)
    shift_x, shift_y = up_to(pixels) / 14, up_to(pixels) / 14  # the image reaches from -1 to 1
    cos, sin = angle.cos() * scale, angle.sin() * scale
    upper = torch.stack([cos, cos * shear - sin, shift_x], dim=1)
    lower = torch.stack([sin, sin * shear + cos, shift_y], dim=1)
    return torch.stack([upper, lower], dim=1)


torch.manual_seed(0)
for row in random_matrices(1)[0].tolist():
    print("  ".join(f"{value:6.3f}" for value in row))

# %% [markdown]
# `affine_grid` applies the matrix to the place of every pixel, `grid_sample` looks up what lies
# there, between the pixels if need be.


# %%
def augment(images):
    """Change each image (n, 1, 28, 28) at random."""
    matrices = random_matrices(len(images)).to(images.device)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images.float(), grid, align_corners=False)


torch.manual_seed(0)
original = train_images[:1]
plots.augmented_digit(original[0, 0].cpu(), augment(original.expand(21, -1, -1, -1))[:, 0].cpu())

# %%
torch.manual_seed(0)
compact_augmented = Compact().to(device)
seconds = fit(
    compact_augmented,
    train_images,
    train_labels,
    epochs=2,
    learning_rate=3e-3,
    schedule=one_cycle,
    change=augment,
)
record("compact, augmented", compact_augmented, seconds)

# %% [markdown]
# Compare the losses with those before: reading changed images is harder, so the training loss is
# higher; yet on images as they were written the network is about as good. It pays in longer
# training: the records of chapter 18 since 2003 use it. What shows at once is the gain
# on images that are *not* centred as neatly as MNIST's:

# %%
print("shift   2 epochs   augmented")
for pixels in (0, 2, 4):
    shifted = valid_images.roll(pixels, dims=3)
    without, with_it = (
        accuracy(predict(model, shifted), valid_labels)
        for model in (compact_longer, compact_augmented)
    )
    print(f"{pixels:>5}  {without:>9.1%}  {with_it:>10.1%}")

# %% [markdown]
# **The same with `digits`:**
# `digits.train("compact", epochs=2, learning_rate=3e-3, rotation_degrees=10, shift_pixels=2, scale=0.1, shear_degrees=6)`.

# %% [markdown]
# ### Exercises
#
# **12. Look five times.** Shift each validation image by nothing, and by one pixel to each of the
# four sides; let `compact_longer` read all five, and add up the probabilities. Does it read better?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 12</summary>
#
# ```python
# total = torch.zeros(len(valid_labels), 10, device=device)
# for down, right in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
#     shifted = valid_images.roll((down, right), dims=(2, 3))
#     total += predict(compact_longer, shifted).softmax(dim=1)
# once = accuracy(predict(compact_longer, valid_images), valid_labels)
# five_times = accuracy(total, valid_labels)
# print(f"one look {once:.2%}, five looks {five_times:.2%}")
# assert abs(five_times - once) < 0.01
# ```
#
# This is *test-time augmentation*. It takes five times as long, and here it changes little: a few
# images either way.
#
# </details>

# %% [markdown]
# ## 11 Saving and loading
#
# A trained network is its weights: a table of names and tensors, the `state_dict`. To load it,
# build the network again and fill in the weights. A file of `torch.save` could also hold code;
# `weights_only=True` refuses to run any. (`digits` saves *safetensors*, a format that can hold
# nothing but numbers.) Mind that our `Normalize` takes `mean` and `std` from the notebook, so that
# they are not in the file; that of `digits` keeps them among its tensors.

# %%
path = run.folder / "compact-augmented.pt"
torch.save(compact_augmented.state_dict(), path)

loaded = Compact().to(device)
loaded.load_state_dict(torch.load(path, weights_only=True))

same = all(
    torch.equal(before, after)
    for before, after in zip(
        compact_augmented.state_dict().values(), loaded.state_dict().values(), strict=True
    )
)
print(f"{path.stat().st_size / 1000:,.0f} kB on disk; the same weights: {same}")

# %% [markdown]
# **The same with `digits`:** a run's folder holds everything; `Run` opens it.

# %%
again = digits.Run(run.folder)
print(sorted(file.name for file in again.folder.iterdir() if not file.name.startswith(".")))
print(f"{type(again.model).__name__} with {count_parameters(again.model):,} parameters")

# %% [markdown]
# ### Exercises
#
# **13. Half the file.** Save the weights of `compact_augmented` as `bfloat16` (chapter 17 says what
# that is; `tensor.bfloat16()` makes it). How large is the file, and how well does a network read
# that is loaded from it?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 13</summary>
#
# ```python
# full, half = run.folder / "compact-augmented.pt", run.folder / "compact-half.pt"
# halved = {name: tensor.bfloat16() for name, tensor in compact_augmented.state_dict().items()}
# torch.save(halved, half)
# rounded = Compact().to(device)
# rounded.load_state_dict(torch.load(half, weights_only=True))
# before = accuracy(predict(compact_augmented, valid_images), valid_labels)
# after = accuracy(predict(rounded, valid_images), valid_labels)
# print(f"{half.stat().st_size / full.stat().st_size:.0%} of the size")
# print(f"{before:.2%} before, {after:.2%} after")
# assert half.stat().st_size < 0.6 * full.stat().st_size
# assert abs(after - before) < 0.005
# ```
#
# `load_state_dict` makes 32 bits of the 16 again; the digits that were rounded away stay away, and
# the network hardly misses them.
#
# </details>

# %% [markdown]
# ## 12 A digit of your own
#
# Draw one. A `#` is ink; change the picture and run the cell again.

# %%
drawing = """
............................
............................
............................
............................
.........##########.........
.......##############.......
......####........####......
......###..........###......
...................###......
..................####......
.................####.......
................####........
..............#####.........
...........#######..........
...........########.........
................#####.......
..................####......
...................###......
...................###......
......###..........###......
......####........####......
.......##############.......
.........##########.........
............................
............................
............................
............................
............................
"""

rows = drawing.split()
ink = torch.tensor([[255.0 * (mark == "#") for mark in row] for row in rows])
# Ink on paper has soft edges, and so have MNIST's images: take the mean of each 3×3 square.
mine = F.avg_pool2d(ink[None, None], 3, stride=1, padding=1).to(device)

probabilities = predict(compact_augmented, mine).softmax(dim=1).cpu()
print(f"read as {probabilities.argmax().item()}, {plots.percent(probabilities.max().item())} sure")
plots.gallery(
    torch.stack([ink, mine[0, 0].cpu()]), ["as drawn", "as the network sees it"], num_columns=4
)

# %% [markdown]
# Your drawing has to look like MNIST's images: white on black as numbers go (ink is 255), about 20
# pixels high, in the middle. A photo is none of this; chapter 15 shows what happens then.
#
# **The same with `digits`:** a run's `model` takes raw pixels as well.

# %%
with torch.inference_mode():
    print("read as", run.model(mine.cpu()).argmax().item())

# %% [markdown]
# ### Exercises
#
# **14. Into the middle.** MNIST's digits are centred by their centre of mass. Write `centred(image)`
# that finds it, as the mean of all rows and all columns, each weighted by its ink, and rolls the
# image so that it comes to the middle. Move the drawing above by five pixels; does it take it
# back?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 14</summary>
#
# ```python
# def centred(image):
#     places = torch.arange(28.0, device=image.device)
#     row = (image.sum(dim=(0, 1, 3)) * places).sum() / image.sum()
#     column = (image.sum(dim=(0, 1, 2)) * places).sum() / image.sum()
#     return image.roll((round(14 - row.item()), round(14 - column.item())), dims=(2, 3))
#
#
# moved = mine.roll(5, dims=3)
# for name, image in {"as drawn": mine, "moved": moved, "centred": centred(moved)}.items():
#     sure = predict(compact_augmented, image).softmax(dim=1).max(dim=1)
#     print(f"{name:<9} read as {sure.indices.item()}, {plots.percent(sure.values.item())} sure")
# assert torch.equal(centred(moved), centred(mine))
# ```
#
# </details>

# %% [markdown]
# ## 13 The test set, once
#
# Everything is chosen. Only now do we look at the test images, once for each network.
# (`digits.train` has put a test result into its folder too; we chose nothing by it.) An accuracy
# measured on 10,000 images is itself a little random: with another 10,000 it would come out a
# little different. The **95 % interval** says how much. Wilson's formula gives it from the number
# of right answers $r$ among $n$, with $z = 1.96$ and $p = r/n$:
#
# $$\frac{p + \frac{z^2}{2n} \pm z\sqrt{\frac{p(1-p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}$$


# %%
def wilson(right, n, z=1.96):
    p = right / n
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


low, high = wilson(90, 100)
print(f"90 of 100 right: {low:.1%} to {high:.1%}")
low, high = wilson(9_000, 10_000)
print(f"9,000 of 10,000: {low:.1%} to {high:.1%}")

# %% [markdown]
# A hundred times as many images make the interval ten times as narrow. Now our networks.

# %%
pixels, answers = test_images.unsqueeze(1).to(device), test_labels.to(device)
tested = {
    "linear": linear, "compact": compact, "classic": classic, "deep": deep,
    "compact, 2 epochs": compact_longer, "compact, augmented": compact_augmented,
}  # fmt: skip
test_logits = {name: predict(model, pixels).cpu() for name, model in tested.items()}

rows = []
for name, logits in test_logits.items():
    right = int((logits.argmax(dim=1) == test_labels).sum())
    low, high = wilson(right, 10_000)
    validation_accuracy = results[name][0]
    interval = f"{low:.2%} – {high:.2%}"
    rows.append((name, validation_accuracy, f"{right / 10_000:.2%}", interval, f"{10_000 - right}"))
show_table(["network", "validation", "test", "95 % interval", "mistakes in 10,000"], rows)

# %% [markdown]
# Where two intervals overlap widely, the table does not tell which network is better. (All read the
# same images; to count only those on which two networks differ is a sharper test: see exercise 15.)
# Nor does it tell about luck in training: another seed gives other weights, and a result that
# differs by about a tenth of a percentage point. The notebook
# [your-own-network](your-own-network.ipynb) compares over several seeds.
#
# **The same with `digits`:** `evaluate` takes a run and a part of the data.

# %%
metrics = digits.evaluate(run, mnist.test)
low, high = metrics.interval
print(f"{metrics.accuracy:.2%} ({low:.2%} to {high:.2%}), {metrics.num_errors} mistakes")

# %% [markdown]
# ### Exercises
#
# **15. A sharper test.** Count the test images that `compact` reads right and `compact, augmented`
# wrong, and the other way round. If both were equally good, each of these images would fall to one
# or the other like a coin. How likely is a result as uneven as this one?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 15</summary>
#
# ```python
# first = test_logits["compact"].argmax(dim=1) == test_labels
# second = test_logits["compact, augmented"].argmax(dim=1) == test_labels
# only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
# n, fewer = only_first + only_second, min(only_first, only_second)
# chance = min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)
# print(f"only compact {only_first}, only compact, augmented {only_second}: chance {chance:.1g}")
# assert only_second > only_first
# assert chance < 0.05
# ```
#
# This is McNemar's test. The images that both read alike do not count, as they tell nothing about
# the difference.
#
# </details>

# %% [markdown]
# ## 14 Looking inside
#
# ### Filters
#
# The 32 kernels of the first layer, as training made them. Orange weights want ink, blue ones
# paper. Several are edges in some direction, like the ones that we wrote by hand.

# %%
best = compact_augmented
plots.filters(best.conv1.weight.detach().cpu())

# %% [markdown]
# ### Feature maps
#
# One digit on its way through the network: the image, and what the first and the second block make
# of it. Each small picture is one kernel's answer, bright where it is strong. The first block still
# looks like a 7; in the second each map says where one particular piece of a digit is.

# %%
from digits.evaluation.inspection import FeatureMaps

best.eval()
x = pixels[:1]
stages, names = [], []
with torch.no_grad():
    for name, layer in best.named_children():
        x = layer(x)
        names.append(name)
        if name.startswith("relu") and x.ndim == 4:
            stages.append(FeatureMaps(tuple(names), x[0].cpu()))
            names = []

plots.feature_maps(test_images[0], stages)

# %% [markdown]
# ### Which pixels matter
#
# Gradients are good for more than training. The derivative of the winning logit with respect to
# each *pixel* says how much the answer would change if that pixel did: a **saliency map**. It is
# rough, so we add it up over ten copies with a little noise.

# %%
first = torch.stack([pixels[answers == digit][0] for digit in range(10)])  # one of each digit
total = torch.zeros(10, 1, 28, 28, device=device)
winners = predict(best, first).argmax(dim=1, keepdim=True)
torch.manual_seed(0)
for _ in range(10):
    noisy = (first + 40 * torch.randn(first.shape).to(device)).requires_grad_()
    # The winning logit of each image. One image does not change another's, so their sum serves all.
    best(noisy).gather(1, winners).sum().backward()
    total += noisy.grad

sure = predict(best, first).softmax(dim=1).amax(dim=1)
plots.saliency_maps(first[:, 0].cpu(), total[:, 0].cpu(), winners[:, 0].cpu(), sure.cpu())

# %% [markdown]
# Orange is where the network is sensitive. Some of it lies on white paper, as in the opening of the
# 4: what is absent matters too. The figure shows how strongly a pixel matters, not whether ink
# there speaks for the answer or against it.
#
# ### A map of the digits
#
# Before the last layer each image is 64 numbers. If the network has understood something, images of
# the same digit should lie close together in that space. To look at 64 dimensions, project them to
# two. **PCA** (principal component analysis) is a straight projection along the two directions in
# which the points spread most. **t-SNE** instead places points so that neighbours stay neighbours;
# distances between far groups mean nothing in it.

# %%
from sklearn.manifold import TSNE

with torch.inference_mode():
    x = pixels[:1_000]
    for name, layer in best.named_children():
        if name != "fc2":
            x = layer(x)
hidden = x.cpu()  # (1000, 64)

centred = hidden - hidden.mean(dim=0)
# The singular value decomposition finds the directions, the one of the largest spread first.
_, _, directions = torch.linalg.svd(centred, full_matrices=False)
pca = centred @ directions[:2].T
tsne = torch.tensor(TSNE(init="pca", random_state=0).fit_transform(hidden.numpy()))
plots.digit_map({"PCA": pca, "t-SNE": tsne}, test_labels[:1_000])

# %% [markdown]
# Ten islands in the t-SNE map; PCA still mixes some of them. The few digits on a wrong island are
# candidates for mistakes.
#
# ### Its mistakes, and would you have done better?
#
# Here are test images that the augmented network reads wrong, those it was surest of. Decide for
# yourself before you look at the answers in the next cell.

# %%
logits = test_logits["compact, augmented"]
probabilities = logits.double().softmax(dim=1)
confidence, predicted = probabilities.max(dim=1)
wrong = (predicted != test_labels).nonzero()[:, 0]
wrong = wrong[confidence[wrong].argsort(descending=True)]
plots.gallery(test_images[wrong[:18]], [f"no. {number}" for number in wrong[:18].tolist()])

# %%
plots.mistakes(
    test_images[wrong[:18]],
    test_labels[wrong[:18]],
    predicted[wrong[:18]],
    confidence[wrong[:18]],
    wrong[:18],
)

# %% [markdown]
# Nobody could be certain about some of these. A program once picked the suspicious ones among all
# test images, and five people each were asked about them. At 15, fewer than three agreed with the
# label. Labels like these leave little to gain beyond about 99.9 %: more than that is luck, or
# choosing by the test set.

# %%
# Suspected test images whose label fewer than 3 of 5 people agreed with (cleanlab).
doubtful = {947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729}
both = len(doubtful & set(wrong.tolist()))
print(f"{both} of our {len(wrong)} mistakes are among the {len(doubtful)} doubtful labels")

# %% [markdown]
# Do several networks make the same mistakes?

# %%
names = ["compact", "deep", "compact, augmented"]
missed = {
    name: set((test_logits[name].argmax(dim=1) != test_labels).nonzero()[:, 0].tolist())
    for name in names
}
for name in names:
    print(f"{name:<20} {len(missed[name]):>4} mistakes")
print(f"{'all three':<20} {len(set.intersection(*missed.values())):>4} in common")
votes = sum(test_logits[name].softmax(dim=1) for name in names)
print(f"{'their mean':<20} {int((votes.argmax(dim=1) != test_labels).sum()):>4} mistakes")

# %% [markdown]
# The mean of the three networks' probabilities, a *committee*, beats its weaker members but not the
# strongest: votes help among equals. Several networks trained like the augmented one, with other
# seeds, would make a good committee.
#
# ### Is it as right as it is sure?
#
# Of the answers given with 90 % confidence, nine in ten should be right. A network for which this
# holds is **calibrated**. Sort the answers by confidence into bins and compare. The **expected
# calibration error** is the mean distance from the dashed line, weighted by how many images lie in
# each bin. Most lie in the last one, so it decides; the bins on the left hold too few images to
# tell much.

# %%
from digits.evaluation.metrics import reliability

bins = reliability(probabilities, test_labels)
error = ((bins.confidence - bins.accuracy).abs() * bins.counts).sum() / bins.counts.sum()
print(f"expected calibration error {100 * error.item():.2f} percentage points")
plots.reliability_diagram(bins)

# %% [markdown]
# ### Saying "I don't know"
#
# A network that knows how sure it is may keep silent when it is not. Refuse to answer below a
# **threshold** of confidence: some mistakes go, and so do some right answers. Where to set it
# depends on what a mistake costs.

# %%
best_confidence, best_right = confidence, predicted == test_labels


def draw_refusals(*thresholds):
    return plots.refusals(best_confidence, best_right, thresholds)


thresholds = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999]
plots.Slider(draw_refusals, label="threshold", values=thresholds, shown=[0.9, 0, 0.5, 0.99])

# %% [markdown]
# **The same with `digits`:** `digits.write_report(run)` draws all of this, and more, into one HTML
# file.

# %% [markdown]
# ### Exercises
#
# **16. The hardest pair.** Which two digits does `compact, augmented` mix up most often on the test
# set, counting both directions? Show some of these images.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 16</summary>
#
# ```python
# predicted = test_logits["compact, augmented"].argmax(dim=1)
# confusion = torch.zeros(10, 10, dtype=torch.int64)
# for true_digit, read_as in zip(test_labels, predicted):
#     confusion[true_digit, read_as] += 1
# both = (confusion + confusion.T).triu(diagonal=1)
# a, b = divmod(both.argmax().item(), 10)
# mixed = ((test_labels == a) & (predicted == b)) | ((test_labels == b) & (predicted == a))
# print(f"{a} and {b}: {int(mixed.sum())} times")
# assert int(mixed.sum()) == int(both.max())
# truth = test_labels[mixed][:12].tolist()
# plots.gallery(test_images[mixed][:12], [f"a {digit}" for digit in truth])
# ```
#
# Often it is 4 and 9, or 3 and 5, or 7 and 2: one stroke apart.
#
# </details>

# %% [markdown]
# ## 15 What goes wrong
#
# Each of these appears in some published tutorial. A few stop with an error that does not say what
# to do; most go on, and are wrong in silence. Here they are, alive and harmless, each with its
# cure.
#
# ### The wrong dropout
#
# `Dropout2d` is for feature maps of shape (n, channels, height, width). On the flat numbers behind
# `Flatten` it warns, and will be an error one day. **Cure:** `Dropout` for flat numbers.

# %%
flat = torch.ones(2, 128)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    nn.Dropout2d(0.5)(flat)
print("Dropout2d:", str(caught[0].message).split(". ")[0])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    nn.Dropout(0.5)(flat)
print("Dropout:  ", len(caught), "warnings")

# %% [markdown]
# ### Evaluating without `eval()`
#
# Dropout goes on dropping. The accuracy is too low, and differs from one time to the next.
# **Cure:** `model.eval()` before every evaluation, `model.train()` before going on with training.

# %%
images, labels = valid_images[:1_000], valid_labels[:1_000]
for mode in ("train", "train", "eval", "eval"):
    getattr(classic, mode)()
    with torch.inference_mode():
        print(f"{mode + '()':<8} {accuracy(classic(images), labels):.2%}")

# %% [markdown]
# ### Softmax twice
#
# `F.cross_entropy` contains the log-softmax already. A network that ends in one as well loses only
# a little time, since the log-softmax of a log-softmax is the same numbers. Ending in a plain
# *softmax*, however, does harm: the loss can then never come near zero. **Cure:** networks return
# logits. And log-probabilities are not a probability distribution: only their exponentials add up
# to 1.

# %%
logits = torch.tensor([[2.0, -1.0, 5.0]])
answer = torch.tensor([2])
once = logits.log_softmax(dim=1)
print(f"logits                  {F.cross_entropy(logits, answer).item():.4f}")
print(f"log-softmax as well     {F.cross_entropy(once, answer).item():.4f}")
print(f"softmax as well         {F.cross_entropy(logits.softmax(dim=1), answer).item():.4f}")
exponentials = once.exp().sum().item()
print(f"log-softmax adds up to {once.sum().item():.1f}, its exponentials to {exponentials:.1f}")

# %% [markdown]
# ### Sizes that do not fit
#
# One tutorial says that a 3×3 convolution without padding keeps 28×28, and that the pool then gives
# 13×13. Whoever believes it gets this. **Cure:** send one image through, as `shapes` does in
# chapter 5, or let `nn.LazyLinear(10)` find out by itself.

# %%
believed = nn.Sequential(
    nn.Conv2d(1, 32, 3),
    nn.Conv2d(32, 64, 3),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(64 * 13 * 13, 10),
)
try:
    believed(torch.zeros(1, 1, 28, 28))
except RuntimeError as error:
    print("RuntimeError:", error)

# %% [markdown]
# The message names two numbers that should be equal: 9,216 come out of `Flatten`, and the linear
# layer expects 10,816. Here are the true widths, without padding and with it.

# %%
for padding in (0, 1):
    x = torch.zeros(1, 1, 28, 28)
    widths = [x.shape[-1]]
    for layer in (
        nn.Conv2d(1, 32, 3, padding=padding),
        nn.Conv2d(32, 64, 3, padding=padding),
        nn.MaxPool2d(2),
    ):
        x = layer(x)
        widths.append(x.shape[-1])
    print(f"padding {padding}:", " → ".join(map(str, widths)))

# %% [markdown]
# ### The mean of means
#
# Dividing the sum of the batches' losses by the number of batches gives the last batch, which is
# smaller, the same weight as the others. Usually the difference is small. To make it visible, the
# six images of the last batch have wrong labels here. **Cure:** multiply by the size of the batch,
# add up, divide by the number of images once.

# %%
sample, sample_labels = valid_images[:1_030], valid_labels[:1_030].clone()
sample_labels[1_024:] = (sample_labels[1_024:] + 1) % 10  # six wrong labels, in the last batch
sums, means = 0.0, []
for chosen in torch.arange(1_030).split(64):
    loss = F.cross_entropy(predict(compact, sample[chosen]), sample_labels[chosen])
    sums += loss.item() * len(chosen)
    means.append(loss.item())
print(f"{len(means)} batches, the last of {1_030 % 64} images")
print(f"mean of the batches' means {np.mean(means):.4f} nats")
print(f"mean over the images       {sums / 1_030:.4f} nats")


# %% [markdown]
# ### A network that isn't one
#
# `...` in an example stands for what the author left out. Python accepts it, and does nothing.
# **Cure:** run what you publish. Every cell of this notebook is executed by the tests.


# %%
class Net(nn.Module): ...


for _ in range(10):
    ...

try:
    torch.optim.Adam(Net().parameters())
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ### Without a seed
#
# Two trainings of the same network on the same data, and two results. This is no mistake as such,
# but without a seed you can't repeat anything, and if you compare two single runs you compare their
# luck. **Cure:** `torch.manual_seed`, and several seeds for every claim.

# %%
for seed in (0, 0, 1):
    torch.manual_seed(seed)
    model = Compact().to(device)
    fit(model, few_images[:2_000], few_labels[:2_000], seed=seed, quiet=True)
    print(f"seed {seed}: {accuracy(predict(model, valid_images), valid_labels):.2%}")

# %% [markdown]
# ### The photo the other way round
#
# The most frequent disappointment: 99 % on the test set, and then it can't read your own photo. On
# a photo paper is bright and ink dark; in MNIST it is the other way round. To the network an
# inverted digit is no digit at all, and it does little better than a blind guess. **Cure:** look at
# what the network gets, and bring it into MNIST's form: ink bright, digit in a 20×20 box, centred
# by its centre of mass.

# %%
inverted = 255 - pixels[:2_000]
logits = predict(best, inverted)
upright = predict(best, pixels[:2_000])
print(f"as written {accuracy(upright, answers[:2_000]):.1%}")
print(f"inverted   {accuracy(logits, answers[:2_000]):.1%}")
sure, read = logits[:6].softmax(dim=1).cpu().max(dim=1)
plots.gallery(
    inverted[:6, 0].cpu(),
    [f"{digit}, {plots.percent(p)}" for digit, p in zip(read.tolist(), sure.tolist())],
)

# %% [markdown]
# (Figures draw 255 as ink, so inverted digits look black all around.) An empty page has no digit at
# all, and still gets an answer:

# %%
blank = predict(best, torch.zeros(1, 1, 28, 28, device=device)).softmax(dim=1)
print(f"an empty page is read as {blank.argmax().item()}, {plots.percent(blank.max().item())} sure")


# %% [markdown]
# Softmax has no room for "none of these". Here the network is at least unsure; above, it was not.
#
# ### Exercises
#
# **17. Two mistakes.** This code is to measure the accuracy of `classic` on 1,030 validation images.
# It contains two of the mistakes above. Find both, and correct them.
#
# ```python
# classic.train()
# parts = []
# for chosen in torch.arange(1_030).split(64):
#     read = classic(valid_images[chosen]).argmax(dim=1)
#     parts.append((read == valid_labels[chosen]).double().mean().item())
# print(sum(parts) / len(parts))
# ```

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 17</summary>
#
# ```python
# classic.eval()  # it was in training mode, with dropout
# num_right = 0
# with torch.inference_mode():
#     for chosen in torch.arange(1_030).split(64):
#         read = forward(classic, valid_images[chosen]).argmax(dim=1)
#         num_right += int((read == valid_labels[chosen]).sum())  # the last batch is smaller
# print(f"{num_right / 1_030:.2%}")
# expected = accuracy(predict(classic, valid_images[:1_030]), valid_labels[:1_030])
# assert abs(num_right / 1_030 - expected) < 0.002
# ```
#
# </details>

# %% [markdown]
# ## 16 Try it
#
# Four settings, one at a time, the rest as before: `compact`, one epoch over 5,000 images, batches
# of 64, a constant rate of 0.001, 32 maps in the first layer. Then change the values and run it
# again.


# %%
def trial(*, width=32, **how):
    torch.manual_seed(0)
    model = Compact(width).to(device)
    fit(model, few_images[:5_000], few_labels[:5_000], quiet=True, **how)
    return accuracy(predict(model, valid_images[:2_000]), valid_labels[:2_000])


choices = {
    "batch_size": [16, 64, 256],
    "learning_rate": [0.0001, 0.001, 0.003, 0.01, 0.1],
    "epochs": [1, 2, 4],
    "width": [4, 8, 16, 32],
}
measured = {name: {} for name in choices}
trials = [(name, value) for name, values in choices.items() for value in values]
for name, value in tqdm(trials, "trials", leave=False, file=sys.stdout):
    measured[name][f"{value:g}"] = trial(**{name: value})
plots.settings(measured)

# %% [markdown]
# What to see in it, where differences below about one percentage point are chance:
#
# - **Batch size.** Small batches make more steps from the same images, and so learn more from one
#   epoch; they also take longer. Batches of 256 make only twenty steps here. With large batches
#   raise the learning rate too.
# - **Learning rate.** Too small: hardly any progress. Too large: the network falls apart and
#   guesses, which is right one time in ten. In between there is some room: values three times apart
#   do about as well.
# - **Epochs.** One pass over 5,000 images is only 79 steps, so more passes help a lot here. In the
#   long run each brings less, until the network learns its images by heart.
# - **Width.** More maps help, but each doubling makes `conv2`, which does most of the work, four
#   times as expensive.
#
# ### Exercises
#
# **18. A larger batch, a larger rate.** Batches of 256 came out badly above. Try them with a rate of
# 0.004 in place of 0.001.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 18</summary>
#
# ```python
# slow, fast = trial(batch_size=256), trial(batch_size=256, learning_rate=0.004)
# print(f"rate 0.001: {slow:.1%}, rate 0.004: {fast:.1%}")
# assert fast > slow
# ```
#
# A batch four times as large gives a gradient that can be trusted more, and a quarter of the steps;
# longer steps make up for their number, up to a point.
#
# </details>

# %% [markdown]
# ## 17 Numbers of half the size
#
# A computer keeps a number such as 0.1307 in 32 bits: one for the sign, 8 for the exponent (how
# large the number is) and 23 for its digits, the fraction. This is `float32`. The number is
#
# $$(-1)^\text{sign} \times 2^{\,\text{exponent} - 127} \times 1.\text{fraction}$$
#
# where 1.fraction is a binary number. **`bfloat16`** rounds the last 16 bits away. Numbers may
# still be as large or small, but only two or three decimal digits of them remain.

# %%
print("              s exponent fraction                  in bfloat16 (brackets rounded away)")
for value in (0.1307, 3.14159265, 1e30, 256.0, 257.0):
    number = torch.tensor(value)
    bits = f"{number.view(torch.int32).item():032b}"
    cut = f"{bits[0]} {bits[1:9]} {bits[9:16]} [{bits[16:]}]"
    print(f"{value:>12g}  {cut}  {number.bfloat16().item():g}")

# %% [markdown]
# A network does not mind: it adds up many products, and small errors in them cancel out. Only the
# weights themselves need more digits, because they often move by less than one part in 256 in a
# step; they stay in `float32`. `torch.autocast` takes care of this. Half the bits mean half the
# memory to move about, and some newer processors multiply them much faster. It goes with a memory
# layout, `channels_last`, for which convolutions in bfloat16 are optimised: all channels of a pixel
# lie side by side.
#
# The switch in this notebook is `half_size`, which `forward` and `fit` look at. It has been on all
# along if your processor has units for such numbers, and off if not. Here are both, on the same
# images from the same weights:

# %%
usual = half_size
for half_size in (False, True):
    torch.manual_seed(0)
    model = Compact().to(device)
    fit(model, few_images[:640], few_labels[:640], quiet=True)  # to warm up
    torch.manual_seed(0)
    model = Compact().to(device)
    seconds = fit(model, few_images, few_labels, quiet=True)
    read = accuracy(predict(model, valid_images), valid_labels)
    name = "bfloat16" if half_size else "float32"
    print(f"{name:<8} {len(few_images) / seconds:>8,.0f} images/s, validation accuracy {read:.1%}")
half_size = usual

# %% [markdown]
# What it wins in time depends on the processor; in accuracy, a few images among 5,000 are chance.
#
# **The same with `digits`:** `digits.train("compact", precision="bfloat16")`. Left alone,
# `precision` is `auto`: bfloat16 where the machine has units for it.
#
# ### Exercises
#
# **19. The next number.** Find the smallest power of two that, added to 1 in bfloat16, gives more
# than 1.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 19</summary>
#
# ```python
# one, step = torch.tensor(1.0).bfloat16(), 1.0
# while one + torch.tensor(step / 2).bfloat16() > one:
#     step /= 2
# print(f"1 + {step} is the next number after 1")
# assert step == torch.finfo(torch.bfloat16).eps == 2**-7
# ```
#
# Seven bits of fraction: 128 numbers between 1 and 2. This is why 257 became 256.
#
# </details>

# %% [markdown]
# ## 18 From LeNet-5 to here
#
# What you have trained has a history of some forty years. Accuracies are of MNIST's test set; in the
# first two lines there was no MNIST yet.
#
# | year | what | test accuracy | source |
# | --- | --- | ---: | --- |
# | 1986 | backpropagation, as in chapter 3, becomes known | – | Rumelhart, Hinton, Williams, *Nature* 323 |
# | 1989 | convolutions learn to read zip codes; 9,760 parameters, three days of training | 95.0 % (zip codes) | LeCun et al., *Neural Computation* 1(4) |
# | 1998 | MNIST; a linear network, as in chapter 2 | 88.0 % | LeCun et al., *Proceedings of the IEEE* 86(11) |
# | 1998 | **LeNet-5**, two convolutions and about 60,000 parameters | 99.05 % | the same |
# | 2003 | images changed at random, also elastically | 99.6 % | Simard, Steinkraus, Platt, *ICDAR* |
# | 2010 | no convolutions; many large layers, changed images, a graphics card | 99.65 % | Cireşan et al., arXiv:1003.0358 |
# | 2012 | 35 convolutional networks, averaged | 99.77 % | Cireşan, Meier, Schmidhuber, arXiv:1202.2745 |
# | 2014 | Adam, as in chapter 2 | – | Kingma, Ba, arXiv:1412.6980 |
# | 2021 | capsules, with 160,000 parameters: the mean of single networks | 99.74 % | Mazzia, Salvetti, Chiaberge, arXiv:2101.12491 |
# | 2021 | 15 of the 10,000 test labels are doubted by people | – | Northcutt, Athalye, Mueller, arXiv:2103.14749 |
#
# Read such a list with care. The best of many tries, a mean of many networks, and a single network
# are three different things. And here we are, with minutes of a processor in place of days: two
# networks of this notebook, and the recipe `balanced`, as it was measured for the package.

# %%
from digits.recipe import load_measurement

balanced = load_measurement("balanced")
rows = []
for name in ("linear", "compact, augmented"):
    reached = accuracy(test_logits[name], test_labels)
    rows.append((name, f"{reached:.2%}", results[name][1]))
rows.append(
    (
        "`balanced`, mean of its seeds",
        f"{balanced['accuracy_mean']:.2%}",
        f"{balanced['parameters']:,}",
    )
)
show_table(["network", "test accuracy", "parameters"], rows)

# %% [markdown]
# ### Exercises
#
# **20. LeNet-5.** Build it in today's form: convolutions 5×5 to 6 maps (with a padding of 2) and to
# 16, each followed by ReLU and a 2×2 max pool; then fully connected layers to 120, 84 and 10. Count
# its parameters, and train it on 12,000 images with a falling rate.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 20</summary>
#
# ```python
# torch.manual_seed(0)
# lenet = nn.Sequential(
#     Normalize(),
#     *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
#     *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
#     nn.Flatten(),
#     *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
# ).to(device)
# assert count_parameters(lenet) == 61_706
# fit(lenet, few_images, few_labels, learning_rate=3e-3, schedule=one_cycle, quiet=True)
# reached = accuracy(predict(lenet, valid_images), valid_labels)
# print(f"{count_parameters(lenet):,} parameters, {reached:.2%} of the validation images")
# assert reached > 0.93
# ```
#
# The original has about 60,000: its second convolution leaves out some channels for some of its
# maps. It also had other bends, other pools and another last layer, and trained on all images for
# twenty epochs.
#
# </details>

# %% [markdown]
# ## 19 Where to go from here
#
# - [your-own-network.ipynb](your-own-network.ipynb): bring a network of your own, train it over
#   several seeds with `digits`, and find out whether it is better.
# - `digits train --report` on the command line: the longer training that these chapters had no time
#   for, and a report with all figures.
# - `digits train --recipe my.toml`: every setting of this notebook is a line in a recipe.
# - `src/digits/training/` and `models/`: the same as here, written to be fast and to survive a
#   power cut.
