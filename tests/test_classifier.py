"""The classifier is an estimator as scikit-learn's are, and trains as `digits.train` does."""

import pickle
import warnings
from collections.abc import Callable
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import UInt8
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from digits import DigitsClassifier, InvalidInput, Recipe
from digits.data import DataSet
from digits.training import train

SMALL = Recipe(name="small", network="fast", epochs=2, batch_size=50, validation_size=0)


class OfAnyWidth(DigitsClassifier):
    """The classifier, but that rows which are no square image get paper at their end.

    scikit-learn's checks fit rows of 2, 3, 5 or 10 random numbers.
    """

    def _lay_out(self, pixels: UInt8[np.ndarray, "n pixels"]) -> UInt8[np.ndarray, "n h w"]:
        width = pixels.shape[1]
        paper = ceil(sqrt(width)) ** 2 - width
        return super()._lay_out(np.pad(pixels, ((0, 0), (0, paper))))


@pytest.fixture(scope="module")
def digits_of_8() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits: flat images of 8×8 pixels, 0 to 16."""
    images, labels = load_digits(return_X_y=True)
    return images[:300], labels[:300]


def small(**parameters: Any) -> DigitsClassifier:
    """A classifier that learns scikit-learn's digits in a second."""
    return DigitsClassifier("fast", **{"epochs": 6, "batch_size": 20, **parameters})


STEADY = OfAnyWidth("fast", epochs=4, batch_size=50, learning_rate=0.01)
"""Parameters for images of two to nine pixels, with margin to what the checks demand of scores."""


@parametrize_with_checks([STEADY])  # type: ignore[untyped-decorator]
@pytest.mark.filterwarnings("ignore")  # of one sample, few steps, and what has no names
def test_scikit_learn_s_checks_pass(
    estimator: Any, check: Callable[[Any], None], unchecked: None
) -> None:
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_without_paper_added_the_checks_fail_only_for_rows_that_are_no_square_image(
    unchecked: None,
) -> None:
    found = check_estimator(DigitsClassifier("fast", epochs=1), on_fail=None, on_skip=None)
    failed = [result["exception"] for result in found if result["status"] == "failed"]
    assert 10 < len(failed) < len(found) / 2
    assert {str(each).partition(",")[0] for each in failed} == {
        "X: expected as many columns as a square image has pixels"
    }


def test_it_trains_to_the_bits_of_a_run_and_leaves_nothing_on_the_disk(
    blob_set: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.training.loop.load_set", lambda recipe, **_: blob_set)
    run = train(SMALL, out=tmp_path / "run", seed=7)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    images, labels = blob_set.train.images, blob_set.train.labels
    for given in (images, images.flatten(1).numpy()):
        with pytest.warns(ConvergenceWarning, match="at least 40 steps .* found 24, of 600 images"):
            classifier = DigitsClassifier(SMALL, value_range=(0, 255), random_state=7).fit(
                given, labels
            )
        weights = classifier.model_.state_dict()
        for name, expected in run.model.state_dict().items():
            assert torch.equal(weights[name], expected)
        assert classifier.temperature_ == run.temperature
        assert classifier.recipe_ == run.recipe
        assert [each.train_loss for each in classifier.history_] == [
            each.train_loss for each in run.history
        ]
        assert classifier.score(blob_set.test.images, blob_set.test.labels) > 0.9
    assert not any(Path().iterdir())


def test_a_network_is_the_same_on_any_scale_and_labels_may_be_texts(
    digits_of_8: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = digits_of_8
    names = np.array([f"class {label}" for label in labels])
    plain = small().fit(images, labels)
    assert plain.score(images, labels) > 0.9
    for scaled in (images / 16, images * 2 - 7):
        named = small().fit(scaled, names)
        assert named.value_range_ == (scaled.min(), scaled.max())
        assert [*named.classes_] == [f"class {n}" for n in range(10)]
        for name, weights in plain.model_.state_dict().items():
            assert torch.equal(named.model_.state_dict()[name], weights)
        assert [*named.predict(scaled)] == [f"class {n}" for n in plain.predict(images)]


@pytest.mark.filterwarnings("ignore:Expected raw pixels")  # the network's own
def test_values_mean_in_predict_what_they_meant_in_fit(
    digits_of_8: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = digits_of_8
    classifier = small(value_range=(0, 16)).fit(np.minimum(images, 15), labels)
    # Alone, this image is no brighter than it was.
    dim = images[:1] / 2
    assert dim.max() <= 8
    both = classifier.predict_proba(np.concatenate([dim, images]))
    np.testing.assert_allclose(classifier.predict_proba(dim), both[:1], atol=1e-5)
    for scaled in (images / 255, images * 255):
        with pytest.warns(UserWarning, match="Expected values from 0 to 16, as in fit, found 0 to"):
            classifier.predict(scaled)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict(np.zeros((1, 64)))  # black on any scale


def test_it_works_in_pipelines_and_searches(digits_of_8: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits_of_8
    pipeline = make_pipeline(StandardScaler(), small())
    assert cross_val_score(pipeline, images, labels, cv=2).min() > 0.8
    grid = {"learning_rate": np.array([1e-6, 0.02]), "epochs": np.array([6])}
    search = GridSearchCV(small(), grid, cv=2, error_score="raise").fit(images, labels)
    assert search.best_params_["learning_rate"] == 0.02
    assert search.best_estimator_.recipe_.learning_rate == 0.02


def test_a_classifier_is_cloned_and_pickled(digits_of_8: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits_of_8
    classifier = small(random_state=3).fit(images, labels)
    assert clone(classifier).get_params() == classifier.get_params()
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(classifier)).predict_proba(images[:9]),
        classifier.predict_proba(images[:9]),
    )


def test_seeds_are_given_as_scikit_learn_gives_them(
    digits_of_8: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = digits_of_8

    def seed_of(state: Any) -> int:
        classifier = small(random_state=state, epochs=4).fit(images, labels)
        return int(classifier.recipe_.seed)

    assert seed_of(None) == 0
    assert seed_of(np.int64(5)) == 5
    assert seed_of(np.random.RandomState(1)) == seed_of(np.random.RandomState(1)) > 5


@pytest.mark.parametrize("num_images", [201, 41, 7, 2])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_number_of_images_can_be_learned_from(blob_set: DataSet, num_images: int) -> None:
    images, labels = blob_set.train.images[:num_images], blob_set.train.labels[:num_images]
    classifier = DigitsClassifier(SMALL, epochs=1).fit(images, labels)
    assert classifier.recipe_.batch_size in (49, 41, 7, 2)
    assert classifier.predict_proba(images).shape == (num_images, min(10, num_images))


@pytest.mark.parametrize(
    ("images", "labels", "parameters", "message"),
    [
        (np.eye(4, 785), [0, 1, 0, 1], {}, "such as 784 of 28×28; found 785."),
        (np.ones((4, 9, 8)), [0, 1, 0, 1], {}, r"as high as wide, found \(4, 9, 8\)"),
        (np.ones((4, 64)), [0, 1, 0, 1], {}, "values that differ.*; found 1 and 1."),
        (np.eye(4, 64), [1, 1, 1, 1], {}, "at least two classes, found one class, "),
        (np.eye(4, 64), [0, 1, 0, 1], {"value_range": (1, 0)}, "and a larger one.*; found 1 and 0"),
        (np.eye(4, 64), [0, 1, 0, 1], {"recipe": "fats"}, "did you mean 'fast'"),
        (np.eye(4, 64), [0, 1, 0, 1], {"recipe": "lines"}, "as lines are composed of them"),
        (np.eye(4, 64), [0, 1, 0, 1], {"recipe": "reader"}, "X has others; choose another recipe"),
        (np.eye(4, 64), [0, 1, 0, 1], {"epochs": 0}, "epochs"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_can_t_be_fitted_is_told_in_a_line(
    images: np.ndarray, labels: list[int], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        DigitsClassifier(**parameters).fit(images, labels)
