"""Fixtures that several test files share."""

import pytest
import tercet


@pytest.fixture(scope="session")
def mnist():
    """A subset of MNIST: 3,000 training and 500 test images."""
    whole = tercet.load_mnist()
    return (whole.train.X[:3000], whole.train.y[:3000], whole.test.X[:500], whole.test.y[:500])
