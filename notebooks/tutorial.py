# %% [markdown]
# # From a pixel to a trained network
#
# In this notebook you build, train, measure and look into a convolutional neural network (CNN) that
# reads handwritten digits. Everything happens in plain PyTorch, in the cells, where you can read
# and change it. Where a chapter ends, a line shows how to do the same with `digits`, the package
# that this notebook comes with.
#
# You need to know a little Python, and roughly what a derivative is. You do not need a graphics
# card: the whole notebook runs in less than three minutes on two processor cores.
#
# You change one idea at a time, and measure each. Here is the route:
#
# | chapter | what changes | name in the tables | validation accuracy, more than |
# | --- | --- | --- | ---: |
# | 2 | one layer of weights, 12,000 images | `linear` | 87 % |
# | 4 | two convolutions | `compact` | 93 % |
# | 5 | numbers of half the size | `compact, bfloat16` | 93 % |
# | 6 | a learning rate that falls | `compact, falling rate` | 95.5 % |
# | 7 | more weights, and dropout | `classic` | 95.5 % |
# | 8 | four convolutions | `deep` | 96 % |
# | 9 | all 55,000 images | `compact, all images` | 98 % |
# | 9 | twice through the images | `compact, 2 epochs` | 98.5 % |
# | 9 | images changed at random | `compact, augmented` | 98.5 % |

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
    wishes = [f"digits @ {clone.resolve().as_uri()}", "scikit-learn", "tqdm"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *versions, *wishes], check=True)
    importlib.invalidate_caches()

# %% [markdown]
# Now the libraries. `torch` computes with arrays of numbers, called *tensors*, and knows how to
# differentiate; `torch.nn` holds the layers of networks, and `F` the same layers as functions.
# `tqdm` draws progress bars. From `digits` this notebook takes the data and the drawing of figures.

# %%
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

device = "cuda" if torch.cuda.is_available() else "cpu"
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
# A tensor's *shape* lists the length of each of its axes. Below and later on, `unsqueeze(1)` and
# `[None]` add an axis of length 1, `[0]` takes the first along an axis, which is then gone, and
# `view` and `flatten` regroup the same numbers.

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
# there it can't be forgotten when the network reads another picture later. Chapter 4 measures what
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
# rule. How large should the step be? Let us try many sizes from the same starting point, on 500
# images.

# %%
batch, answers = few_images[:500], few_labels[:500]
loss = F.cross_entropy(linear(batch), answers)
loss.backward()  # now each parameter has its derivatives in .grad

layer, x = linear[2], Normalize()(batch).flatten(1)
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
# ### Step by step: batches, epochs, Adam
#
# Computing the gradient over all images for a single step would be a waste: 64 images, a **batch**,
# already tell the direction quite well. So we shuffle the images, go through them batch by batch,
# and make a step after each. One pass through all images is an **epoch**.
#
# The rule for the step is **Adam** (from *adaptive moments*). It keeps two running averages for
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
# What the rule is worth, measured: 150 steps from the same weights, on the same batches, with the
# plain rule at two rates and with Adam.


# %%
def train_briefly(model, optimizer, num_steps):
    """Train on batches of 64. Gives, for each ten steps, their end and the mean of their losses."""
    losses = []
    for batch, answers in zip(few_images.split(64)[:num_steps], few_labels.split(64)):
        loss = F.cross_entropy(model(batch), answers)  # the mean over the batch
        optimizer.zero_grad()  # forget the gradients of the last step
        loss.backward()  # compute new ones
        optimizer.step()  # move the weights
        losses.append(loss.item())
    # Single batches jump too much to be looked at.
    return range(10, num_steps + 1, 10), np.reshape(losses, (-1, 10)).mean(axis=1)


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
# Here is the whole of training, in a dozen lines. Every network in this notebook learns this way.

# %%
torch.manual_seed(0)
optimizer = torch.optim.Adam(linear.parameters(), lr=1e-3)

began = time.perf_counter()
for epoch in range(1, 4):
    loss_sum = 0.0
    for chosen in torch.randperm(len(few_images)).split(64):
        logits = linear(few_images[chosen])
        loss = F.cross_entropy(logits, few_labels[chosen])  # the mean over the batch
        optimizer.zero_grad()  # forget the gradients of the last step
        loss.backward()  # compute new ones
        optimizer.step()  # move the weights
        loss_sum += loss.item() * len(chosen)
    print(f"epoch {epoch}: loss {loss_sum / len(few_images):.4f}")
seconds = time.perf_counter() - began


# %% [markdown]
# ### Evaluating
#
# The accuracy is the fraction of images whose highest logit is that of the right digit. Two
# switches belong to every evaluation. `eval()` puts the network into evaluation mode; some layers
# behave differently there, as chapter 7 shows. `inference_mode()` tells PyTorch not to remember
# what is needed for gradients, which saves time and memory. (`autocast` is for chapter 5; until
# then it is switched off.)


# %%
def predict(model, images, *, bfloat16=False):
    """Logits of images, a thousand images at a time."""
    model.eval()
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=bfloat16):
        return torch.cat([model(batch).float() for batch in images.split(1_000)])


def accuracy(logits, labels):
    return (logits.argmax(dim=1) == labels).double().mean().item()


results = {}


def record(name, model, seconds, **how):
    """Measure a model on the validation images, and show the table so far."""
    valid_accuracy = accuracy(predict(model, valid_images, **how), valid_labels)
    results[name] = (valid_accuracy, count_parameters(model), seconds)
    rows = [
        "| network | validation accuracy | parameters | training, seconds |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row, (measured, size, time_taken) in results.items():
        rows.append(f"| {row} | {measured:.2%} | {size:,} | {time_taken:.1f} |")
    display(Markdown("\n".join(rows)))


record("linear", linear, seconds)

# %% [markdown]
# Nine of ten, after a second. Such weights can be drawn: for each digit, red where ink speaks for
# it and blue where ink speaks against it. The 0, for one, wants no ink in its middle.

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
# its 95 % interval (chapter 12 explains it), the confusion matrix and more.

# %%
from digits.evaluation.metrics import compute_metrics

metrics = compute_metrics(predict(linear, valid_images).cpu(), valid_labels.cpu())
low, high = metrics.interval
print(f"{metrics.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}")

# %% [markdown]
# ## 3 What a convolution computes
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
image = all_images[0].float() / 255
vertical = torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])

output = F.conv2d(image[None, None], vertical[None, None])[0, 0]
plots.convolution(image, vertical, output, row=12, column=11)

# %% [markdown]
# Red is positive: the left edge of a stroke. Blue is negative: the right edge. Where left and right
# are alike, as on empty paper, the sum is zero. A 3×3 square fits into 28×28 pixels at 26×26
# places, so the map is 26 wide: without padding, a 3×3 convolution takes two pixels off.
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

maps = F.conv2d(image[None, None], weights)[0]
activated = maps.relu()
pooled = F.max_pool2d(activated, 2)
plots.layer_steps(kernels, {"convolution": maps, "ReLU": activated, "2×2 max pooling": pooled})


# %% [markdown]
# We have chosen these kernels. A network starts with random ones, and training finds better. It has
# many of them in each layer, and from the second layer on a kernel looks at all maps of the layer
# before: 32 maps in and 64 out make 64 kernels of 32×3×3 weights.
#
# ### Three networks, layer by layer
#
# These are the networks that we shall train. All use 3×3 convolutions without padding.
# `nn.Sequential` runs its layers in the order in which they are named.


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


# %% [markdown]
# Why does each pool come before its ReLU? The largest of four numbers, with negatives set to zero,
# is the same as the largest of four numbers that had their negatives set to zero first. Pooling
# first leaves ReLU a quarter of the work.
#
# The **receptive field** of a layer is the square of input pixels that one of its values depends
# on. A kernel of width $n$ widens it by
#
# $$(n - 1) \times \text{spacing},$$
#
# where the spacing is how many pixels of the image lie between neighbouring values. It is 1 at
# first, and each pool doubles it: a 3×3 convolution adds two pixels to the field before a pool, and
# four behind it. A pool itself counts as a kernel of width 2. Each kernel also has a bias: `conv1`
# holds 32 × (9 + 1) = 320 parameters. Rather than trust our arithmetic, let us send an image
# through each network and compute the sizes as we go; the code is bookkeeping, the tables below it
# are what to look at.


# %%
def walk(model):
    """Name, output shape, receptive field and parameters of each layer that has a size to tell."""
    x = torch.zeros(1, 1, 28, 28)
    field, spacing = 1, 1  # in pixels of the image
    rows = []
    for name, layer in model.named_children():
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            size = layer.kernel_size if isinstance(layer.kernel_size, int) else layer.kernel_size[0]
            field += (size - 1) * spacing
            if isinstance(layer, nn.MaxPool2d):
                spacing *= 2
        if isinstance(layer, nn.Linear | nn.Flatten):
            field = 28  # these see everything
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.Flatten | nn.Linear):
            rows.append((name, tuple(x.shape[1:]), field, count_parameters(layer)))
    return rows


for model in (Compact().eval(), Classic().eval(), Deep().eval()):
    table = ["| layer | output | receptive field | parameters |", "| --- | ---: | ---: | ---: |"]
    for name, shape, field, parameters in walk(model):
        table.append(f"| {name} | {'×'.join(map(str, shape))} | {field}×{field} | {parameters:,} |")
    table.append(f"| **all** | | | **{count_parameters(model):,}** |")
    display(Markdown(f"**{type(model).__name__}**\n\n" + "\n".join(table)))

# %% [markdown]
# 28 → 26 → 24 → 12: two pixels off for each convolution, half for each pool. In `Deep` one value
# behind the last pool has seen 16×16 pixels, most of a digit:

# %%
fields = {
    name: field for name, _, field, _ in walk(Deep().eval()) if name.startswith(("conv", "pool"))
}
plots.receptive_fields(all_images[0], fields)

# %% [markdown]
# **The same with `digits`:** the three networks come with the package, raw pixels in, logits out.

# %%
for name in ("compact", "classic", "deep"):
    print(name, f"{count_parameters(digits.build_model(name, mean=mean, std=std)):,}")


# %% [markdown]
# ## 4 A convolutional network
#
# We shall train many networks from here on, so the training loop becomes a function. It is the loop
# of chapter 2 with a progress bar, and with three switches that chapters 5, 6 and 9 explain:
# `bfloat16`, `falling`, and `change`.


# %%
def fit(
    model,
    images,
    labels,
    *,
    epochs=1,
    batch_size=64,
    learning_rate=1e-3,
    seed=0,
    bfloat16=False,
    falling=False,
    change=None,
    quiet=False,
):
    """Train a model, and return the seconds that it took."""
    torch.manual_seed(seed)
    model.train()
    if bfloat16:
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    num_steps = epochs * math.ceil(len(images) / batch_size)
    schedule = None
    if falling:
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=num_steps, pct_start=0.12
        )
    began = time.perf_counter()
    for epoch in range(1, epochs + 1):
        loss_sum = 0.0
        batches = torch.randperm(len(images)).split(batch_size)
        for chosen in tqdm(batches, f"epoch {epoch}", leave=False, file=sys.stdout, disable=quiet):
            batch = images[chosen] if change is None else change(images[chosen])
            with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
                logits = model(batch)
            loss = F.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            loss_sum += loss.item() * len(chosen)
        if not quiet:
            print(f"epoch {epoch}: loss {loss_sum / len(images):.4f} nats per image")
    return time.perf_counter() - began


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
# them care about where things lie. Chapter 9 has a remedy.
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
# (chapter 6).

# %%
run = digits.train("compact", epochs=1)
print(f"{run.history[-1].validation_accuracy:.2%} of the validation images, saved in {run.folder}")

# %% [markdown]
# ## 5 Numbers of half the size
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
# memory to move about, and many newer processors multiply them much faster. It goes with a memory
# layout, `channels_last`, for which convolutions in bfloat16 are optimised: all channels of a pixel
# lie side by side.
#
# First, the speed of both together, after a few steps to warm up:


# %%
def images_per_second(model, *, bfloat16, num_steps=40):
    images, labels = few_images[: 64 * num_steps], few_labels[: 64 * num_steps]
    fit(model, images[:640], labels[:640], bfloat16=bfloat16, quiet=True)
    return len(images) / fit(model, images, labels, bfloat16=bfloat16, quiet=True)


plain = images_per_second(Compact().to(device), bfloat16=False)
half = images_per_second(Compact().to(device), bfloat16=True)
faster = half > plain
print(f"float32 {plain:,.0f} images/s, bfloat16 {half:,.0f}: {half / plain:.1f} times as fast")

# %% [markdown]
# Then the question that matters: is the network still as good?

# %%
torch.manual_seed(0)
compact_half = Compact().to(device)
seconds = fit(compact_half, few_images, few_labels, bfloat16=True)
record("compact, bfloat16", compact_half, seconds, bfloat16=True)


# %% [markdown]
# A difference of a few images among 5,000 is chance. We keep bfloat16 from here on, unless your
# processor has no instructions for it and was slower with it.
#
# **The same with `digits`:** `digits.train("compact", precision="bfloat16")`. Left alone,
# `precision` is `auto`: bfloat16 where the machine does it fast.
#
# ## 6 A learning rate that falls
#
# Large steps find the valley, small steps find its floor. With a constant rate the weights end up
# jumping about the minimum. So let the rate rise quickly to a level that would be too high to keep,
# and then fall to nearly zero: *one cycle*. (PyTorch's `OneCycleLR` also changes how long Adam
# remembers old gradients.)

# %%
steps = math.ceil(len(few_images) / 64)
parameter = nn.Parameter(torch.zeros(1))
optimizer = torch.optim.Adam([parameter], lr=3e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.12)
rates = []
for _ in range(steps):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    schedule.step()

plots.lines(
    {"one cycle": (list(range(steps)), rates), "constant": ([0, steps], [1e-3, 1e-3])},
    x_label="step",
    y_label="learning rate",
)

# %%
torch.manual_seed(0)
compact_falling = Compact().to(device)
seconds = fit(
    compact_falling, few_images, few_labels, learning_rate=3e-3, falling=True, bfloat16=faster
)
record("compact, falling rate", compact_falling, seconds, bfloat16=faster)

# %% [markdown]
# The same images, the same time, and clearly fewer mistakes. From here on the rate falls.
#
# **The same with `digits`:** `digits.train("compact", schedule="one_cycle")`, which is what the
# recipe says anyway.
#
# ## 7 Overfitting, and dropout
#
# `Classic` pools only once, so 9,216 numbers reach its first fully connected layer: it has 1.2
# million parameters. A network that large can learn its training images by heart. To see it do so,
# give it 500 images only, and compare: how well does it read those, and how well does it read
# others?


# %%
def memorise(model, num_epochs=8):
    """Accuracy on 500 training images and on 1,000 others, after each epoch."""
    images, labels = few_images[:500], few_labels[:500]
    seen, unseen = [], []
    for epoch in tqdm(range(num_epochs), "epochs", leave=False, file=sys.stdout):
        fit(model, images, labels, batch_size=32, seed=epoch, bfloat16=faster, quiet=True)
        seen.append(accuracy(predict(model, images, bfloat16=faster), labels))
        unseen.append(
            accuracy(predict(model, valid_images[:1_000], bfloat16=faster), valid_labels[:1_000])
        )
    return seen, unseen


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
seconds = fit(classic, few_images, few_labels, learning_rate=3e-3, falling=True, bfloat16=faster)
record("classic", classic, seconds, bfloat16=faster)

# %% [markdown]
# Ten times the parameters and about three times the time, for no clear gain after one epoch: a few
# images in 5,000 are chance.
#
# **The same with `digits`:** `digits.train("classic", epochs=5)`.
#
# ## 8 The deeper network
#
# `Deep` has four convolutions. Its last maps have seen 16×16 pixels and can respond to whole parts
# of a digit: a loop, a crossing, the end of a stroke. It has half the parameters of `Classic`,
# because its first fully connected layer takes 4,096 numbers instead of 9,216, and gives 50 instead
# of 128.

# %%
torch.manual_seed(0)
deep = Deep().to(device)
seconds = fit(deep, few_images, few_labels, learning_rate=3e-3, falling=True, bfloat16=faster)
record("deep", deep, seconds, bfloat16=faster)

# %% [markdown]
# Image for image it learns more than the others. Second for second it does not: in the same time
# `compact` can go through the images several times. With minutes instead of seconds, all images and
# augmentation (chapter 9), `deep` reaches 99.6 % of the test images, as the README of `digits`
# shows; how much of that is depth and how much is augmentation, those figures do not tell.
#
# **The same with `digits`:** `digits.train("deep", epochs=5)`.
#
# ## 9 More out of the same network
#
# We stay with `compact`, which is quick, and improve what surrounds it.
#
# ### More images

# %%
torch.manual_seed(0)
compact_all = Compact().to(device)
seconds = fit(
    compact_all, train_images, train_labels, learning_rate=3e-3, falling=True, bfloat16=faster
)
record("compact, all images", compact_all, seconds, bfloat16=faster)

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
    falling=True,
    bfloat16=faster,
)
record("compact, 2 epochs", compact_longer, seconds, bfloat16=faster)


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
# four changes are one matrix that maps places in the new image to places in the old one.
# `affine_grid` computes these places, `grid_sample` looks up what lies there. (So a `scale` above 1
# makes the digit smaller.)


# %%
def augment(images, degrees=10, pixels=2, zoom=0.1, slant=0.1):
    """Change each image (n, 1, 28, 28) by random amounts up to these."""
    n = len(images)

    def up_to(limit):
        return limit * (2 * torch.rand(n) - 1)

    angle, shear = torch.deg2rad(up_to(degrees)), up_to(slant)
    scale = 1 + up_to(zoom)
    shift_x, shift_y = up_to(pixels) / 14, up_to(pixels) / 14  # the image reaches from -1 to 1
    cos, sin = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack(
        [
            torch.stack([cos, cos * shear - sin, shift_x], dim=1),
            torch.stack([sin, sin * shear + cos, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix.to(images.device), list(images.shape), align_corners=False)
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
    falling=True,
    change=augment,
    bfloat16=faster,
)
record("compact, augmented", compact_augmented, seconds, bfloat16=faster)

# %% [markdown]
# Compare the losses with those before: reading changed images is harder, so the training loss is
# higher; yet on images as they were written the network is about as good. The longer one trains,
# the more it helps; the best published results on MNIST all use it. What shows at once is the gain
# on images that are *not* centred as neatly as MNIST's:

# %%
print("shift   2 epochs   augmented")
for pixels in (0, 2, 4):
    shifted = valid_images.roll(pixels, dims=3)
    without, with_it = (
        accuracy(predict(model, shifted, bfloat16=faster), valid_labels)
        for model in (compact_longer, compact_augmented)
    )
    print(f"{pixels:>5}  {without:>9.1%}  {with_it:>10.1%}")

# %% [markdown]
# **The same with `digits`:**
# `digits.train("compact", epochs=2, learning_rate=3e-3, rotation_degrees=10, shift_pixels=2, scale=0.1, shear_degrees=6)`.
#
# ## 10 Saving and loading
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
# ## 11 A digit of your own
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

probabilities = predict(compact_augmented, mine, bfloat16=faster).softmax(dim=1).cpu()
print(f"read as {probabilities.argmax().item()}, {plots.percent(probabilities.max().item())} sure")
plots.gallery(
    torch.stack([ink, mine[0, 0].cpu()]), ["as drawn", "as the network sees it"], num_columns=4
)

# %% [markdown]
# Your drawing has to look like MNIST's images: white on black as numbers go (ink is 255), about 20
# pixels high, in the middle. A photo is none of this; chapter 14 shows what happens then.
#
# **The same with `digits`:** a run's `model` takes raw pixels as well.

# %%
with torch.inference_mode():
    print("read as", run.model(mine.cpu()).argmax().item())


# %% [markdown]
# ## 12 The test set, once
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


pixels, answers = test_images.unsqueeze(1).to(device), test_labels.to(device)
tested = {
    "linear": linear, "compact": compact, "classic": classic, "deep": deep,
    "compact, 2 epochs": compact_longer, "compact, augmented": compact_augmented,
}  # fmt: skip
test_logits = {
    name: predict(model, pixels, bfloat16=faster and name not in ("linear", "compact")).cpu()
    for name, model in tested.items()
}

rows = [
    "| network | validation | test | 95 % interval | mistakes in 10,000 |",
    "| --- | ---: | ---: | ---: | ---: |",
]
for name, logits in test_logits.items():
    right = int((logits.argmax(dim=1) == test_labels).sum())
    low, high = wilson(right, 10_000)
    validation_accuracy = results[name][0]
    rows.append(
        f"| {name} | {validation_accuracy:.2%} | {right / 10_000:.2%} "
        f"| {low:.2%} – {high:.2%} | {10_000 - right} |"
    )
display(Markdown("\n".join(rows)))

# %% [markdown]
# Where two intervals overlap widely, the table does not tell which network is better. (All read the
# same images; to count only those on which two networks differ would be a sharper test.) Nor does
# it tell about luck in training: another seed gives other weights, and a result that differs by
# about a tenth of a percentage point. The notebook [your-own-network](your-own-network.ipynb)
# compares over several seeds.
#
# **The same with `digits`:** `evaluate` takes a run and a part of the data.

# %%
metrics = digits.evaluate(run, mnist.test)
low, high = metrics.interval
print(f"{metrics.accuracy:.2%} ({low:.2%} to {high:.2%}), {metrics.num_errors} mistakes")

# %% [markdown]
# ## 13 Looking inside
#
# ### Filters
#
# The 32 kernels of the first layer, as training made them. Red weights want ink, blue ones paper.
# Several are edges in some direction, like the ones that we wrote by hand.

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
# **The same with `digits`:** `digits.write_report(run)` draws all of this, and more, into one HTML
# file.
#
# ## 14 What goes wrong
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
# 13×13. Whoever believes it gets this. **Cure:** send one image through, as `walk` does in chapter
# 3, or let `nn.LazyLinear(10)` find out by itself.

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
    fit(model, few_images[:2_000], few_labels[:2_000], seed=seed, bfloat16=faster, quiet=True)
    print(
        f"seed {seed}: {accuracy(predict(model, valid_images, bfloat16=faster), valid_labels):.2%}"
    )

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
logits = predict(best, inverted, bfloat16=faster)
upright = predict(best, pixels[:2_000], bfloat16=faster)
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
blank = predict(best, torch.zeros(1, 1, 28, 28, device=device), bfloat16=faster).softmax(dim=1)
print(f"an empty page is read as {blank.argmax().item()}, {plots.percent(blank.max().item())} sure")


# %% [markdown]
# Softmax has no room for "none of these". Here the network is at least unsure; above, it was not.
#
# ## 15 Try it
#
# Four settings, one at a time, the rest as before: `compact`, one epoch over 5,000 images, batches
# of 64, a constant rate of 0.001, 32 maps in the first layer. Then change the values and run it
# again.


# %%
def trial(*, width=32, **how):
    torch.manual_seed(0)
    model = Compact(width).to(device)
    fit(model, few_images[:5_000], few_labels[:5_000], bfloat16=faster, quiet=True, **how)
    return accuracy(predict(model, valid_images[:2_000], bfloat16=faster), valid_labels[:2_000])


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
# ## 16 Exercises
#
# Try them in the cell below each; a solution is folded away under it.
#
# **1. A convolution by hand.** Write a function `slide(image, kernel)` with two loops that computes
# what `F.conv2d` computes for one image and one kernel.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 1</summary>
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
# image = all_images[7].float() / 255
# expected = F.conv2d(image[None, None], vertical[None, None])[0, 0]
# assert torch.allclose(slide(image, vertical), expected, atol=1e-5)
# ```
#
# It gives the same numbers, far more slowly: each turn of the loop is Python's work, while `conv2d`
# does all of it at once in compiled code.
#
# </details>

# %% [markdown]
# **2. Counting parameters.** Compute the number of parameters of `Compact` from its sizes, with pen
# and paper or in Python, and compare.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# ```python
# conv1 = 32 * (1 * 3 * 3 + 1)  # 32 kernels of 9 weights, each with a bias
# conv2 = 64 * (32 * 3 * 3 + 1)  # 64 kernels, each over 32 maps
# fc1 = 64 * (64 * 5 * 5 + 1)  # 1,600 numbers to 64
# fc2 = 10 * (64 + 1)
# assert conv1 + conv2 + fc1 + fc2 == count_parameters(compact) == 121_930
# ```
#
# The first fully connected layer holds 84 % of them. This is why pooling before it matters so much.
#
# </details>

# %% [markdown]
# **3. The other way to write a network.** Most tutorials write a class with a `forward` method.
# Write `Compact` that way, load the weights of `compact` into it, and show that it gives the same
# logits.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 3</summary>
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
# **4. Without ReLU.** Replace all three ReLUs of `Compact` by `nn.Identity()`, which does nothing,
# and train on 12,000 images for one epoch, with a falling rate. How much worse does it get? Then
# replace the two max pools by `nn.AvgPool2d(2)`, which takes the mean, as well. What has become of
# the network?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 4</summary>
#
# ```python
# def measure(model):
#     fit(model, few_images, few_labels, learning_rate=3e-3, falling=True, bfloat16=faster, quiet=True)
#     return accuracy(predict(model, valid_images, bfloat16=faster), valid_labels)
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
# **5. Another optimizer.** Train `Compact` with `torch.optim.SGD(…, lr=0.05, momentum=0.9)` in
# place of Adam. (Copy the loop of chapter 2.) Then leave out the momentum.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 5</summary>
#
# ```python
# def with_sgd(momentum):
#     torch.manual_seed(0)
#     model = Compact().to(device).train()
#     optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=momentum)
#     for chosen in torch.randperm(10_000).split(64):
#         loss = F.cross_entropy(model(few_images[chosen]), few_labels[chosen])
#         optimizer.zero_grad()
#         loss.backward()
#         optimizer.step()
#     return accuracy(predict(model, valid_images), valid_labels)
#
#
# measured = {momentum: with_sgd(momentum) for momentum in (0.9, 0.0)}
# print(measured)
# assert min(measured.values()) > 0.8
# ```
#
# With a well-chosen rate SGD learns well too. Momentum lets steps in the same direction add up,
# like a ball that rolls downhill; without it, the same rate gets less far.
#
# </details>

# %% [markdown]
# **6. The hardest pair.** Which two digits does `compact, augmented` mix up most often on the test
# set, counting both directions? Show some of these images.

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 6</summary>
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
# ## 17 Where to go from here
#
# - [your-own-network.ipynb](your-own-network.ipynb): bring a network of your own, train it over
#   several seeds with `digits`, and find out whether it is better.
# - `digits train --report` on the command line: the longer training that these chapters had no time
#   for, and a report with all figures.
# - `digits train --recipe my.toml`: every setting of this notebook is a line in a recipe.
# - `src/digits/training/` and `models/`: the same as here, written to be fast and to survive a
#   power cut.
