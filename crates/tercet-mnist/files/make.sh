#!/bin/sh
# Makes the compressed files beside this script from the four original IDX files.
#
#   sh make.sh FOLDER        where FOLDER holds train-images-idx3-ubyte, train-labels-idx1-ubyte,
#                            t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, not compressed
#
# The header of each file (16 bytes for images, 8 for labels) follows from its counts and is left out. The training
# images are cut into four pieces of 15,000 images, which are decoded side by side.
set -eu
from=$1
cd "$(dirname "$0")"

tail -c +17 "$from/train-images-idx3-ubyte" | split -b 11760000 -d -a 1 - train-images-
tail -c +9 "$from/train-labels-idx1-ubyte" > train-labels
tail -c +17 "$from/t10k-images-idx3-ubyte" > test-images
tail -c +9 "$from/t10k-labels-idx1-ubyte" > test-labels
for file in train-images-0 train-images-1 train-images-2 train-images-3 train-labels test-images test-labels; do
    zstd --ultra -22 --no-check --force --rm "$file" -o "$file.zst"
done
