#include "losses.h"

#include <algorithm>

#include "gemm.h"
#include "loss_table.h"
#include "parallel.h"

namespace rnnx {
namespace {

const LossTable& table() { return RNNX_TABLE(loss_table); }

/// Columns in a tile: about two million logits, a multiple of every panel width. Part of the results' definition, since
/// the gradient of hidden adds up tile by tile.
int64_t tile_columns(const OutputLayer& layer) {
  const int64_t fitting = (int64_t{1} << 21) / std::max<int64_t>(1, layer.rows);
  return std::min(layer.outputs, std::clamp<int64_t>(fitting / 64 * 64, 256, 2048));
}

/// Rows that make it worth to wake another thread.
int64_t row_grain(int64_t columns) { return 1 + 8192 / std::max<int64_t>(1, columns); }

/// A range of columns with its logits, `stride` apart.
struct Tile {
  int64_t begin;
  int64_t columns;
  float* logits;
  int64_t stride;
};

template <class F>
void for_tiles(const OutputLayer& layer, float* logits, const F& f) {
  const int64_t most = tile_columns(layer);
  float* local = logits ? nullptr : scratch(Scratch::loss, layer.rows * most);
  for (int64_t begin = 0; begin < layer.outputs; begin += most) {
    const int64_t columns = std::min(most, layer.outputs - begin);
    f(logits ? Tile{begin, columns, logits + begin, layer.outputs} : Tile{begin, columns, local, columns});
  }
}

/// The product, without the bias.
void fill(const OutputLayer& layer, const Tile& tile) {
  gemm(false, true, layer.rows, tile.columns, layer.inputs, layer.hidden, layer.inputs,
       layer.weight + tile.begin * layer.inputs, layer.inputs, tile.logits, tile.stride, false);
}

void column_sums(int64_t rows, int64_t columns, const float* x, float* out) {
  parallel_for(columns, 64 + 16384 / std::max<int64_t>(1, rows), [=](int64_t begin, int64_t end) {
    table().column_sums(rows, end - begin, x + begin, columns, out + begin);
  });
}

/// Gradients of one tile after another. `row(n, tile, out)` writes the gradient of row n's logits to out, which holds the
/// logits themselves where `logits` is nullptr.
template <class Row>
void gradients(const OutputLayer& layer, const float* logits, const OutputGradients& to, const Row& row) {
  const int64_t H = layer.inputs;
  for_tiles(layer, nullptr, [&](const Tile& tile) {
    if (!logits) fill(layer, tile);
    parallel_for(layer.rows, row_grain(tile.columns), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++) {
        float* out = tile.logits + n * tile.stride;
        if (!logits) table().add(tile.columns, layer.bias + tile.begin, out);
        row(n, tile, logits ? logits + n * layer.outputs + tile.begin : out, out);
      }
    });
    if (to.bias) column_sums(layer.rows, tile.columns, tile.logits, to.bias + tile.begin);
    if (to.hidden)
      gemm(false, false, layer.rows, H, tile.columns, tile.logits, tile.stride, layer.weight + tile.begin * H, H, to.hidden,
           H, tile.begin > 0);
    if (to.weight)
      gemm(true, false, tile.columns, H, layer.rows, tile.logits, tile.stride, layer.hidden, H, to.weight + tile.begin * H,
           H, false);
  });
}

}  // namespace

void sigmoid_loss(const OutputLayer& layer, const float* targets, float* nll, float* logits) {
  std::fill_n(nll, layer.rows, 0.0f);
  for_tiles(layer, logits, [&](const Tile& tile) {
    fill(layer, tile);
    parallel_for(layer.rows, row_grain(tile.columns), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++) {
        float* row = tile.logits + n * tile.stride;
        table().add(tile.columns, layer.bias + tile.begin, row);
        nll[n] += table().sigmoid_loss(tile.columns, row, targets + n * layer.outputs + tile.begin);
      }
    });
  });
}

void sigmoid_loss_gradient(const OutputLayer& layer, const float* targets, const float* logits, const float* dy,
                           const OutputGradients& to) {
  gradients(layer, logits, to, [&](int64_t n, const Tile& tile, const float* from, float* out) {
    table().sigmoid_gradient(tile.columns, from, targets + n * layer.outputs + tile.begin, dy[n], out);
  });
}

}  // namespace rnnx
