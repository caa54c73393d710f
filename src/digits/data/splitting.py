"""Splits: which images of a set are held out, in proportion to the classes, and no group parted."""

import numpy as np
from jaxtyping import Bool, Int64

SCATTER = 2_654_435_761
"""Factor that scatters numbers over 32 bits: 2 to the power of 32, by the golden ratio (Knuth)."""


def hold_out(
    labels: Int64[np.ndarray, " n"],
    size: int,
    num_classes: int,
    groups: Int64[np.ndarray, " n"] | None = None,
) -> Bool[np.ndarray, " n"]:
    """Choose images to hold out, in integer arithmetic, which gives the same on every machine.

    Each class contributes in proportion to its size, at even intervals over its length, because
    neighbouring images may come from one writer. Images of one group stay together: a group is held
    out where that brings the classes nearer to their proportions, and leaves some of each; where no
    group does, it is the one of the nearest size that leaves some. With groups, none may be held
    out at all, and a class keeps its last image.

    Args:
        labels: True classes, 0 to classes - 1. (n,)
        size: Number of images to hold out; without groups, exactly so many are.
        num_classes: Number of classes.
        groups: Number of each image's group, if they have any. (n,)

    Returns:
        Whether an image is held out. (n,)
    """
    counts = np.bincount(labels, minlength=num_classes)
    quotas = _quotas(counts, size)
    chosen = np.zeros(len(labels), bool)
    single = np.ones(len(labels), bool)
    if groups is not None:
        members = np.bincount(groups, minlength=1)
        single = members[groups] == 1
        # Large groups first, as later ones can make up for what they leave; ties in no order.
        large = np.flatnonzero(members > 1)
        scattered = (large.astype(np.uint64) * SCATTER) % 2**32
        for group in large[np.lexsort((scattered, -members[large]))]:
            within = groups == group
            own = np.bincount(labels[within], minlength=num_classes)
            missing = quotas - np.bincount(labels[chosen], minlength=num_classes)
            leaves_some = bool((counts - (quotas - missing) - own)[own > 0].all())
            if leaves_some and ((missing - own) ** 2).sum() < (missing**2).sum():
                chosen[within] = True
    missing = quotas - np.bincount(labels[chosen], minlength=num_classes)
    for label, wanted in enumerate(missing.tolist()):
        positions = np.flatnonzero((labels == label) & single)
        count = len(positions)
        most = count - 1 if groups is not None and count == counts[label] else count
        quota = min(wanted, most)
        # The middle image of each of `quota` equal intervals of the class.
        middles = [(2 * i + 1) * count // (2 * quota) for i in range(quota)]
        chosen[positions[middles]] = True
    if groups is not None and size and not chosen.any():
        chosen = _nearest_group(labels, size, counts, groups)
    return chosen


def _nearest_group(
    labels: Int64[np.ndarray, " n"],
    size: int,
    counts: Int64[np.ndarray, " classes"],
    groups: Int64[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Choose the group of the nearest size that leaves some of each of its classes, if any does."""
    best, nearest = np.zeros(len(labels), bool), len(labels)
    for group in np.unique(groups):
        within = groups == group
        own = np.bincount(labels[within], minlength=len(counts))
        distance = abs(int(within.sum()) - size)
        if (counts - own)[own > 0].all() and distance < nearest:
            best, nearest = within, distance
    return best


def _quotas(counts: Int64[np.ndarray, " classes"], size: int) -> Int64[np.ndarray, " classes"]:
    """Share `size` among the classes by the largest remainder (Hamilton's method)."""
    total = max(1, int(counts.sum()))
    quotas, remainders = np.divmod(counts * size, total)
    # Sorting is stable, so ties go to the lower class.
    largest = np.argsort(-remainders, kind="stable")[: size - int(quotas.sum())]
    quotas[largest] += 1
    return quotas


def merge_groups(
    first: Int64[np.ndarray, " n"], second: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Merge two groupings: images that are together in either are together, and so are chains.

    Args:
        first: Number of each image's group in one, from 0. (n,)
        second: The same in the other. (n,)

    Returns:
        Number of each image's group in the merged one. (n,)
    """
    merged, before = np.arange(len(first)), np.full(len(first), -1)
    while (merged != before).any():
        before = merged
        for groups in (first, second):
            lowest = np.full(int(groups.max(initial=0)) + 1, len(first))
            np.minimum.at(lowest, groups, merged)
            merged = lowest[groups]
    return np.asarray(np.unique(merged, return_inverse=True)[1], np.int64)
