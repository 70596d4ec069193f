#include "cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cross_entropy_table.h"
#include "gemm.h"
#include "parallel.h"

namespace rnnx {
namespace {

/// Floats between the parts of a block of memory: whole cache lines.
constexpr int64_t line = 16;
/// Row tiles in a piece of work.
constexpr int64_t piece_tiles = 64;
/// Columns of logits that the gradient of one part of the outputs works on together, a multiple of every panel's width, and the
/// parts at most. Part of the results' definition, since the gradient of hidden adds up tile by tile, then part by part.
constexpr int64_t tile_columns = 576;
constexpr int64_t most_parts = 2;
/// Rows whose sums are merged together: some microseconds.
constexpr int64_t rows_merged = 64;
/// Multiplications below which it does not pay to wake another thread.
constexpr int64_t worthwhile = 1 << 17;

const CrossEntropyTable& table() { return RNNX_TABLE(cross_entropy_table); }

int64_t lines(int64_t floats) { return (floats + line - 1) / line * line; }

int64_t parts(int64_t total, int64_t most) { return (total + most - 1) / most; }

/// Grain of a loop whose pieces take so many multiplications each.
int64_t grain(int64_t multiplications) { return 1 + worthwhile / std::max<int64_t>(1, multiplications); }

/// Takes one part of a block after another.
struct Cutter {
  float* next;
  float* take(int64_t floats) {
    float* part = next;
    next += lines(floats);
    return part;
  }
};

struct Shape {
  Shape(int64_t rows, int64_t outputs)
      : rows(rows), width(panel_width()), panels(panel_count(outputs)), groups(parts(panels, exponential_panels)) {}
  int64_t rows;
  int64_t width;
  int64_t panels;
  int64_t groups;
  /// Floats of one panel.
  int64_t panel() const { return rows * width; }
  int64_t group_size(int64_t group) const { return std::min(exponential_panels, panels - group * exponential_panels); }
};

/// What the loss leaves to its gradient.
struct Kept {
  Kept(const Shape& shape, const float* memory) {
    // Arrays of JavaScript begin anywhere; a vector should not straddle two cache lines.
    const auto address = reinterpret_cast<uintptr_t>(memory);
    Cutter cut = {const_cast<float*>(memory) + (0 - address) % (line * sizeof(float)) / sizeof(float)};
    exponentials = cut.take(shape.panels * shape.panel());
    references = cut.take(shape.groups * shape.rows);
    normalizer = cut.take(shape.rows);
  }
  float* exponentials;  // in panels
  float* references;    // [groups][rows]
  float* normalizer;    // [rows]
};

/// Panels of the outputs that the gradient goes through tile by tile, and what it keeps of them. Each part has its own, so
/// that a thread that stays with one reads what its own caches hold.
struct Part {
  int64_t begin, end;
  /// Its sum of the gradient of hidden, [rows, inputs].
  float* hidden;
  /// Of two tiles in turn: while one is made, the one before goes into `hidden`.
  float* scaled[2];
  PackedB weight[2];
};

}  // namespace

int64_t cross_entropy_memory(int64_t rows, int64_t outputs) {
  const Shape shape(rows, outputs);
  return lines(shape.panels * shape.panel()) + lines(shape.groups * rows) + lines(rows) + line;
}

void cross_entropy(const OutputLayer& layer, const int32_t* labels, float* nll, float* memory) {
  const int64_t N = layer.rows, H = layer.inputs, V = layer.outputs;
  if (N <= 0) return;
  const Shape shape(N, V);
  Cutter cut = {scratch(Scratch::loss, lines(packed_a_floats(N, H)) + lines(shape.panels * shape.width) +
                                           2 * lines(shape.groups * N) + 3 * lines(N))};
  float* packed = cut.take(packed_a_floats(N, H));
  float* bias = cut.take(shape.panels * shape.width);
  float* sums = cut.take(shape.groups * N);
  float* largest = cut.take(N);
  float* totals = cut.take(N);
  float* references = cut.take(shape.groups * N);
  float* normalizer = cut.take(N);
  float* exponentials = nullptr;
  if (memory) {
    const Kept kept(shape, memory);
    exponentials = kept.exponentials;
    references = kept.references;
    normalizer = kept.normalizer;
  }
  // Columns that are not there have exponentials of zero.
  std::copy_n(layer.bias, V, bias);
  std::fill(bias + V, bias + shape.panels * shape.width, -std::numeric_limits<float>::infinity());
  pack_a(false, N, H, layer.hidden, H, packed);

  const int64_t tiles = row_tiles(N);
  const int64_t chunks = parts(tiles, piece_tiles);
  const int64_t work = std::min(N, piece_tiles * tile_row(N, 1)) * exponential_panels * shape.width * (H + 32);
  parallel_for(chunks * shape.groups, grain(work), [&](int64_t begin, int64_t end) {
    float* local = exponentials ? nullptr : scratch(Scratch::loss_panels, exponential_panels * shape.panel());
    for (int64_t piece = begin; piece < end; piece++) {
      const int64_t chunk = piece / shape.groups, group = piece % shape.groups;
      const int64_t tile_begin = chunk * piece_tiles, tile_end = std::min(tiles, tile_begin + piece_tiles);
      const int64_t row_begin = tile_row(N, tile_begin), row_end = tile_end == tiles ? N : tile_row(N, tile_end);
      const int64_t first = group * exponential_panels, count = shape.group_size(group);
      float* to = exponentials ? exponentials + first * shape.panel() : local;
      gemm_to_panels(N, H, packed, tile_begin, tile_end, true, V, layer.weight, H, first, first + count, to);
      for (int64_t n = row_begin; n < row_end; n++) {
        const int64_t place = labels[n] - first * shape.width;
        if (place >= 0 && place < count * shape.width)
          nll[n] = to[place / shape.width * shape.panel() + n * shape.width + place % shape.width] + bias[labels[n]];
      }
      table().exponentials(row_end - row_begin, count, shape.panel(), bias + first * shape.width,
                           to + row_begin * shape.width, references + group * N + row_begin, sums + group * N + row_begin);
    }
  });
  parallel_for(N, rows_merged, [&](int64_t begin, int64_t end) {
    table().merge(end - begin, shape.groups, N, references + begin, sums + begin, largest + begin, totals + begin);
    for (int64_t n = begin; n < end; n++) {
      const double log_sum = std::log(static_cast<double>(totals[n]));
      nll[n] = static_cast<float>(static_cast<double>(largest[n]) - static_cast<double>(nll[n]) + log_sum);
      normalizer[n] = static_cast<float>(static_cast<double>(largest[n]) + log_sum);
    }
  });
}

void cross_entropy_gradient(const OutputLayer& layer, const int32_t* labels, const float* memory, const float* dy,
                            const OutputGradients& to) {
  const int64_t N = layer.rows, H = layer.inputs, V = layer.outputs;
  if (N <= 0) {
    if (to.weight) std::fill_n(to.weight, V * H, 0.0f);
    if (to.bias) std::fill_n(to.bias, V, 0.0f);
    return;
  }
  const Shape shape(N, V);
  const Kept kept(shape, memory);
  const int64_t width = shape.width, tile_panels = std::min(shape.panels, tile_columns / width);
  const int64_t part_count = std::min(most_parts, parts(shape.panels, tile_panels));
  const int64_t tile = lines(tile_panels * shape.panel()), packed_tile = lines(packed_b_floats(tile_panels * width, H));
  Cutter cut = {scratch(Scratch::loss, lines(packed_b_floats(N, H)) + lines(shape.groups * N) +
                                           part_count * (2 * tile + 2 * packed_tile + lines(N * H)))};
  float* packed_hidden = cut.take(packed_b_floats(N, H));
  float* factors = cut.take(shape.groups * N);
  Part part[most_parts];
  for (int64_t i = 0; i < part_count; i++) {
    part[i].begin = i * shape.panels / part_count;
    part[i].end = (i + 1) * shape.panels / part_count;
    part[i].hidden = i == 0 ? to.hidden : cut.take(N * H);
    for (int64_t j = 0; j < 2; j++) {
      part[i].scaled[j] = cut.take(tile);
      part[i].weight[j] = {0, H, cut.take(packed_tile)};
    }
  }
  parallel_for(shape.groups, grain(N * 32), [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; g++)
      table().factors(N, kept.references + g * N, kept.normalizer, dy, factors + g * N);
  });
  PackedB hidden = {};
  if (to.weight) hidden = pack_b_into(packed_hidden, false, N, H, layer.hidden, H);

  // Panel p, at `logits`: gradients of its logits, its part of the weight's gradient, and its part of the packed weight.
  const auto make_panel = [&](int64_t p, float* logits, PackedB* packed, int64_t row) {
    const int64_t column = p * width, columns = std::min(width, V - column);
    float* const sums = scratch(Scratch::loss_panels, width);
    table().scale(N, kept.exponentials + p * shape.panel(), factors + p / exponential_panels * N, logits, sums);
    for (int64_t n = 0; n < N; n++) {
      const int64_t place = labels[n] - column;
      if (place < 0 || place >= columns) continue;
      logits[n * width + place] -= dy[n];
      sums[place] -= dy[n];
    }
    if (to.bias) std::copy_n(sums, columns, to.bias + column);
    if (to.weight) gemm_of_panel(logits, columns, hidden, 0, panel_count(H), to.weight + column * H, H);
    if (to.hidden) pack_rows(packed, row, row + columns, layer.weight + column * H, H);
  };
  // Few tiles of rows a piece: their part of the logits stays in the second cache with a group of the weight's panels.
  constexpr int64_t few = 2;
  const int64_t tiles = row_tiles(N), input_groups = parts(panel_count(H), exponential_panels);
  const auto add_rows = [&](int64_t piece, const float* logits, const PackedB& packed, float* sums, bool accumulate) {
    const int64_t chunk = piece / input_groups, group = piece % input_groups;
    gemm_from_panels(N, logits, chunk * few, std::min(tiles, (chunk + 1) * few), packed, group * exponential_panels,
                     std::min(panel_count(H), (group + 1) * exponential_panels), sums, H, accumulate);
  };

  const int64_t pieces = to.hidden ? parts(tiles, few) * input_groups : 0;
  const int64_t rounds = parts(parts(shape.panels, part_count), tile_panels);
  for (int64_t round = 0; round <= rounds; round++) {
    const int64_t now = round % 2, before = 1 - now;
    // Of each part the larger pieces first: threads wait for the last one.
    int64_t work[most_parts + 1] = {}, larger[most_parts], first[most_parts];
    for (int64_t i = 0; i < part_count; i++) {
      Part& p = part[i];
      first[i] = std::min(p.end, p.begin + round * tile_panels);
      const int64_t count = std::min(tile_panels, p.end - first[i]);
      larger[i] = round > 0 && p.weight[before].K > 0 ? pieces : 0;
      p.weight[now].K = std::min((first[i] + count) * width, V) - std::min(first[i] * width, V);
      work[i + 1] = work[i] + larger[i] + count;
    }
    parallel_for(work[part_count], grain(shape.panel() * H), [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; piece++) {
        int64_t i = 0;
        while (piece >= work[i + 1]) i++;
        Part& p = part[i];
        const int64_t panel = piece - work[i] - larger[i];
        if (panel < 0)
          add_rows(piece - work[i], p.scaled[before], p.weight[before], p.hidden, round > 1);
        else
          make_panel(first[i] + panel, p.scaled[now] + panel * shape.panel(), &p.weight[now], panel * width);
      }
    });
  }
  if (to.hidden && part_count > 1)
    parallel_for(N, 1 + worthwhile / (16 * H), [&](int64_t begin, int64_t end) {
      for (int64_t i = 1; i < part_count; i++)
        for (int64_t k = begin * H; k < end * H; k++) to.hidden[k] += part[i].hidden[k];
    });
}

}  // namespace rnnx
