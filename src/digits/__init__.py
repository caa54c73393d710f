"""Train a convolutional network on MNIST, see everything it does, know how good it is."""
