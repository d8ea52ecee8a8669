"""What several tests need."""

import pytest
import tercet


@pytest.fixture(scope="session")
def mnist():
    """A part of MNIST: 3,000 images to learn from, 500 to judge by."""
    whole = tercet.load_mnist()
    return (whole.train.X[:3000], whole.train.y[:3000], whole.test.X[:500], whole.test.y[:500])
