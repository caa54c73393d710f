# %% [markdown]
# # A network of your own
#
# You have an idea for a network. Is it better than the built-in ones? In this notebook you train it
# with `digits`, as the built-in networks are trained, over several seeds, and compare. It takes
# about a minute on two processor cores that do nothing else.
#
# The first cell installs what is missing; after `make tutorial` it does nothing.

# %%
import importlib.util
import subprocess
import sys
from pathlib import Path

needed = ["digits", "torch", "matplotlib"]
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
    wish = f"digits[train] @ {clone.resolve().as_uri()}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *versions, wish], check=True)
    importlib.invalidate_caches()

# %% [markdown]
# ## The network
#
# Any `nn.Module` will do. It gets normalised images of shape (n, 1, 28, 28) and returns ten logits
# for each; softmax is none of its business. `register_network` gives it a name. Before any
# training, `digits` tries it on two images, and says in one line what does not fit.
#
# Ours does without pooling. Its convolutions step two pixels at a time, which halves the width as a
# pool would, and compute results at only a quarter of the places. Batch normalisation brings each
# map to mean 0 and standard deviation 1 over the batch, and then lets the network learn a scale and
# a shift.

# %%
from torch import nn

import digits
from digits import plots


@digits.register_network("strided")
class Strided(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 24, 5, stride=2),  # 28 → 12
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2),  # 12 → 5
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(48 * 5 * 5, 10),
        )


# %% [markdown]
# ## Training, fairly
#
# A `Recipe` holds everything that decides a run. Both networks get the same one, so that the
# network is all that differs. Three seeds each, because one run tells as much about luck as about
# the network.

# %%
recipe = digits.Recipe(
    name="strided", network="strided", epochs=1, learning_rate=3e-3, schedule="one_cycle"
)
rival = recipe.override(name="compact", network="compact")

mine = [digits.train(recipe, seed=seed) for seed in range(3)]
others = [digits.train(rival, seed=seed) for seed in range(3)]

# %% [markdown]
# ## Choosing, and then testing
#
# While you are still trying things, compare on the **validation** images, which no run has learned
# from:

# %%
for run in mine + others:
    print(f"{run.recipe.name}, seed {run.recipe.seed}: {run.history[-1].validation_accuracy:.2%}")

# %% [markdown]
# Only the last comparison, the one that you tell others about, is made on the test set. `summarize`
# gives the mean over the seeds with its 95 % interval (Student's t, which is wide for three runs,
# and ought to be). `compare` gives the difference of two means.

# %%
for name, runs in {"strided": mine, "compact": others}.items():
    accuracy = digits.summarize(runs)
    low, high = accuracy.interval
    parameters, seconds = runs[0].summary["parameters"], runs[0].summary["training_seconds"]
    print(
        f"{name}: {accuracy.mean:.2%} ({low:.2%} to {high:.2%}), "
        f"{parameters:,} parameters, {seconds:.1f} s"
    )

difference = digits.compare(mine, others)
low, high = (100 * end for end in difference.interval)
print(f"difference: {100 * difference.mean:+.2f} percentage points ({low:+.2f} to {high:+.2f})")

plots.seeds(
    {
        name: [run.summary["test"]["accuracy"] for run in runs]
        for name, runs in {"strided": mine, "compact": others}.items()
    }
)

# %% [markdown]
# If the interval of the difference holds 0, these runs do not show which network is better: train
# more seeds, or be content that they are about equal. If it does not, the difference is probably
# more than the luck of the seeds, for this recipe and this test set (one such interval in twenty
# misses). Mind also what it costs: the parameters and seconds are printed above.
#
# ## Where it is wrong
#
# `evaluate` gives all metrics of a run. Given several, it takes the mean of their probabilities.

# %%
mnist = digits.load("mnist")
one, together = digits.evaluate(mine[0], mnist.test), digits.evaluate(mine, mnist.test)
print(f"one network {one.num_errors} mistakes, three together {together.num_errors}")
plots.confusion_matrix(together.confusion_matrix)

# %% [markdown]
# And `write_report` puts everything about a run into one HTML file: curves, mistakes, filters,
# feature maps, saliency. Open it in a browser.

# %%
print(digits.write_report(mine[0]))

# %% [markdown]
# ## Coming back later
#
# A run folder keeps the network's name and weights, not its code. To load it in another session,
# register the network first, as above; then `digits.Run(folder).model` is your trained network, raw
# pixels in, logits out.

# %%
again = digits.Run(mine[0].folder)
print(again.model)

# %% [markdown]
# ## Exercises
#
# **1. A network that does not fit.** Register a second network, like the first but with
# `nn.Linear(48 * 6 * 6, 10)` at its end, and train it. What does `digits` say? How long does it take
# to say so?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 1</summary>
#
# ```python
# @digits.register_network("misfit")
# class Misfit(nn.Sequential):
#     def __init__(self):
#         super().__init__(*list(Strided())[:-1], nn.Linear(48 * 6 * 6, 10))
#
#
# try:
#     digits.train(recipe.override(name="misfit", network="misfit"))
# except digits.InvalidInput as error:
#     said = str(error)
# print(said)
# assert "2x1200 and 1728x10" in said
# ```
#
# It says so at once: two images went through the network before any training began. 1,200 numbers come
# out of `Flatten`, and 1,728 were expected.
#
# </details>

# %% [markdown]
# **2. A committee of two kinds.** `evaluate` also takes runs of different networks. Let all six vote.
# Do they make fewer mistakes than each of them alone?

# %%
# Your turn.

# %% [markdown]
# <details><summary>Solution 2</summary>
#
# ```python
# alone = [digits.evaluate(member, mnist.test).num_errors for member in mine + others]
# six = digits.evaluate(mine + others, mnist.test).num_errors
# print(f"alone {alone}, together {six}")
# assert six < sum(alone) / len(alone)
# ```
#
# Where most of them are right, the mean corrects the others. This helps the more, the less the
# networks have in common.
#
# </details>
