"""scikit-learn's own estimator checks, without expected failures."""

import tercet
from sklearn.utils.estimator_checks import parametrize_with_checks

ESTIMATORS = [
    tercet.KNeighborsClassifier(),
    tercet.KNeighborsClassifier(weights="distance", metric="manhattan"),
    tercet.KNeighborsClassifier(metric="minkowski", p=1.5),
    tercet.KNeighborsRegressor(),
    tercet.KNeighborsRegressor(weights="distance", metric="chebyshev"),
    tercet.NearestNeighbors(),
    tercet.RadiusNeighborsClassifier(outlier_label="most_frequent"),
    tercet.RadiusNeighborsRegressor(radius=3.0),
    tercet.LinearClassifier(),
    tercet.LinearClassifier(loss="softmax"),
    tercet.LinearClassifier(solver="dual"),
    tercet.MLPClassifier(),
    tercet.MLPClassifier(solver="lbfgs", max_iter=50),
    tercet.MLPClassifier(preprocessing=None, shuffle=False),
    tercet.MLPRegressor(),
    tercet.MLPRegressor(solver="lbfgs", max_iter=50),
    tercet.CNNClassifier(),
]


@parametrize_with_checks(ESTIMATORS)
def test_check_estimator(estimator, check):
    check(estimator)


def test_no_check_is_skipped():
    """``parametrize_with_checks`` takes expected failures from a tag or an argument; neither is set."""
    for estimator in ESTIMATORS:
        marks = parametrize_with_checks([estimator]).args[1]
        assert not [mark for mark in marks if getattr(mark, "marks", ())], estimator
