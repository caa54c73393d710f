/* A network that tells apart images of $num_classes classes, in C99 without any library.

   Flash: $num_bytes bytes of weights, scales and biases. RAM: $num_bytes_of_maps bytes of maps. */
#ifndef DIGITS_NETWORK_H
#define DIGITS_NETWORK_H

#include <stdint.h>

/* Convolutions. Where depth is 1, each map is convolved on its own; else all maps are summed. The
   largest of pool x pool sums is kept; skip times what the layer before had as input is added. */
static const struct {
    uint16_t weights;
    uint8_t channels, depth, kernel, padding, pool;
    float skip;
} digits_layers[$num_layers] = {
    $layers
};

/* Weights of the convolutions, (out, in, height, width), then of the linear layer, (out, in). */
static const int8_t digits_weights[] = {
    $weights
};

/* For each channel of each layer: its value is scale * sum + bias. */
static const float digits_scales[] = {
    $scales
};
static const float digits_biases[] = {
    $biases
};

static int32_t digits_sum(const int8_t *weights, const uint8_t *map, int size, int depth,
                          int kernel, int top, int left) {
    int32_t sum = 0;
    for (int channel = 0; channel < depth; channel++, map += size * size)
        for (int y = top; y < top + kernel; y++)
            for (int x = left; x < left + kernel; x++, weights++)
                if (y >= 0 && y < size && x >= 0 && x < size) sum += *weights * map[y * size + x];
    return sum;
}

/* Reads $size x $size pixels, 0 to 255, as they are in its data set: digits are white on black and
   framed as MNIST's. Writes a logit of each class, and returns the likeliest class. Its maps are
   static: one call at a time. */
static int digits_read(const uint8_t pixels[$size * $size], float logits[$num_classes]) {
    static uint8_t even[$num_even], odd[$num_odd];
    const float *scale = digits_scales, *bias = digits_biases;
    const uint8_t *maps = pixels;
    int size = $size, channels = 1;
    for (int i = 0; i < $num_layers; i++) {
        const int depth = digits_layers[i].depth, kernel = digits_layers[i].kernel;
        const int padding = digits_layers[i].padding, pool = digits_layers[i].pool;
        const int new_size = (size + 2 * padding - kernel + 1) / pool;
        const int8_t *weights = digits_weights + digits_layers[i].weights;
        uint8_t *value = i % 2 ? odd : even;
        for (int c = 0; c < digits_layers[i].channels; c++, scale++, bias++) {
            const uint8_t *map = depth < channels ? maps + c * size * size : maps;
            for (int y = 0; y < new_size; y++)
                for (int x = 0; x < new_size; x++, value++) {
                    int32_t largest = INT32_MIN;
                    for (int p = 0; p < pool * pool; p++) {
                        int top = pool * y + p / pool - padding, left = pool * x + p % pool - padding;
                        int32_t sum = digits_sum(weights, map, size, depth, kernel, top, left);
                        if (sum > largest) largest = sum;
                    }
                    float rounded = *scale * (float)largest + *bias + 0.5f;
                    if (digits_layers[i].skip > 0) rounded += digits_layers[i].skip * *value;
                    *value = rounded < 0 ? 0 : rounded > 255 ? 255 : (uint8_t)rounded;
                }
            weights += depth * kernel * kernel;
        }
        maps = i % 2 ? odd : even;
        size = new_size, channels = digits_layers[i].channels;
    }
    const int8_t *weight = digits_weights + $linear;
    int likeliest = 0;
    for (int label = 0; label < $num_classes; label++, scale++, bias++) {
        int32_t sum = 0;
        for (int c = 0; c < channels; c++, weight++)
            for (int p = 0; p < size * size; p++) sum += *weight * maps[c * size * size + p];
        logits[label] = *scale * (float)sum + *bias;
        if (logits[label] > logits[likeliest]) likeliest = label;
    }
    return likeliest;
}

#endif
