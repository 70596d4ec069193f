#include "sequence_bn.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "gemm.h"
#include "parallel.h"

namespace rnnx {
namespace {

constexpr int64_t gates = 4;
/// Units side by side in the last block, where it is not as wide as the others.
constexpr int64_t narrow = 4;
/// Examples that share a packing of the backward product's left side.
constexpr int64_t rows_together = 28;

const NormalizedTable& table() { return RNNX_TABLE(normalized_lstm_steps); }

int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

/// Column of unit j's gate g.
int64_t place(const NormalizedLayout& layout, int64_t g, int64_t j) {
  const int64_t width = j < layout.wide * layout.width ? layout.width : narrow;
  return gates * (j / width * width) + g * width + j % width;
}

/// [H, 4H] to [H, 4 * padded] in the blocks' order, zeros for units that are not there.
std::vector<float> in_blocks(const NormalizedLayout& layout, int64_t H, const float* weight) {
  const int64_t columns = gates * layout.padded;
  std::vector<float> out(static_cast<size_t>(H * columns));
  for (int64_t i = 0; i < H; i++)
    for (int64_t g = 0; g < gates; g++)
      for (int64_t j = 0; j < H; j++)
        out[static_cast<size_t>(i * columns + place(layout, g, j))] = weight[(i * gates + g) * H + j];
  return out;
}

void from_blocks(const NormalizedLayout& layout, int64_t H, const float* blocks, float* weight) {
  const int64_t columns = gates * layout.padded;
  for (int64_t i = 0; i < H; i++)
    for (int64_t g = 0; g < gates; g++)
      for (int64_t j = 0; j < H; j++) weight[(i * gates + g) * H + j] = blocks[i * columns + place(layout, g, j)];
}

/// `rows` rows of `count` floats from one stride to another.
void copy_rows(int64_t rows, int64_t count, const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int64_t b = 0; b < rows; b++)
    std::memcpy(to + b * to_stride, from + b * from_stride, static_cast<size_t>(count) * sizeof(float));
}

/// Whether the calling thread has not been here with `what` since it was with something else.
bool first_visit(uint64_t what) {
  thread_local uint64_t last = 0;
  return std::exchange(last, what) != what;
}

/// A step of a pass: no other has its number, nor 0.
uint64_t next_step() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

class Packed {
 public:
  Packed(bool transposed, int64_t K, int64_t N, const float* weight, int64_t stride)
      : packed_(pack_b(transposed, K, N, weight, stride)) {}
  ~Packed() { free_packed(packed_); }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
  const PackedB* get() const { return packed_; }

 private:
  PackedB* packed_;
};

}  // namespace

NormalizedLayout normalized_layout(int64_t steps, int64_t batch, int64_t units, bool training) {
  NormalizedLayout layout{};
  layout.slots = training ? steps : 1;
  layout.width = table().width;
  const int64_t left = units % layout.width;
  const bool in_fours = left > 0 && left <= layout.width / 2;
  layout.wide = units / layout.width + (left > 0 && !in_fours ? 1 : 0);
  layout.blocks = layout.wide + (in_fours ? 1 : 0);
  layout.padded = layout.wide * layout.width + (in_fours ? (left + narrow - 1) / narrow * narrow : 0);
  layout.sums = 0;
  layout.cell = aligned(layout.slots * batch * gates * layout.padded);
  layout.size = layout.cell + aligned((layout.slots + 1) * batch * layout.padded);
  return layout;
}

void normalized_forward(const NormalizedForward& pass) {
  const NormalizedLstm& net = pass.net;
  const NormalizedLayout& layout = pass.layout;
  const int64_t B = net.batch, H = net.units, padded = layout.padded, columns = gates * padded;
  const std::vector<float> weight = in_blocks(layout, H, pass.recurrent);
  const Packed packed(false, H, columns, weight.data(), columns);
  const int64_t panels = gates * layout.width / panel_width();  // of one block

  float* const cell = pass.memory + layout.cell;
  std::memset(cell, 0, static_cast<size_t>(B * padded) * sizeof(float));
  copy_rows(B, H, pass.initial_cell, H, cell, padded);
  for (int64_t t = 0; t < net.steps; t++) {
    const float* const operand = t == 0 ? pass.initial_hidden : pass.hidden + (t - 1) * B * H;
    float* const sums = pass.memory + layout.sums + (layout.slots == 1 ? 0 : t) * B * columns;
    const uint64_t step = next_step();
    parallel_for(layout.blocks, 1, [&](int64_t begin, int64_t end) {
      // Each thread packs all of it: that takes less time than to wait for one that does and to read it from its cache.
      float* const work = scratch(Scratch::sequence_rows, packed_a_floats(B, H));
      if (first_visit(step)) pack_a(false, B, H, operand, H, work);
      for (int64_t block = begin; block < end; block++) {
        gemm_panels(B, work, packed.get(), block * panels, std::min((block + 1) * panels, panel_count(columns)), sums,
                    columns, false);
        table().forward(pass, t, block);
      }
    });
  }
  const int64_t last = layout.slots == net.steps ? net.steps : net.steps % 2;
  copy_rows(B, H, cell + last * B * padded, padded, pass.last_cell, H);
}

void normalized_backward(NormalizedBackward pass) {
  const NormalizedLstm& net = pass.net;
  const NormalizedLayout& layout = pass.layout;
  const int64_t B = net.batch, H = net.units, padded = layout.padded, columns = gates * padded;
  const std::vector<float> weight = in_blocks(layout, H, pass.recurrent);
  const Packed packed(true, columns, H, weight.data(), columns);
  std::vector<float> d_weight(weight.size());
  const int64_t row_blocks = (B + rows_together - 1) / rows_together;
  const int64_t packed_floats = aligned(packed_a_floats(rows_together, columns));

  const int64_t packed_block = packed_b_floats(B, gates * layout.width);

  float* work = scratch(Scratch::sequence, aligned(B * columns) + 2 * aligned(B * padded) + row_blocks * packed_floats +
                                               aligned(packed_a_floats(H, B)) + layout.blocks * packed_block);
  const auto take = [&](int64_t floats) {
    float* const taken = work;
    work += aligned(floats);
    // Padding takes part in products with weights of zero: it must hold numbers.
    std::memset(taken, 0, static_cast<size_t>(floats) * sizeof(float));
    return taken;
  };
  pass.d_sums = take(B * columns);
  pass.d_operand = take(B * padded);
  pass.d_cell = take(B * padded);
  float* const packed_rows = work;
  float* const packed_operand = packed_rows + row_blocks * packed_floats;
  float* const packed_sums = packed_operand + aligned(packed_a_floats(H, B));

  const int64_t block_columns = gates * layout.width;
  for (int64_t t = net.steps - 1; t >= 0; t--) {
    const float* const operand = t == 0 ? pass.initial_hidden : pass.hidden + (t - 1) * B * H;
    parallel_for(layout.blocks + 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; block++)
        if (block < layout.blocks)
          table().backward(pass, t, block);
        else
          pack_a(true, H, B, operand, H, packed_operand);
    });
    // Products for the step before and for the weights: neither waits for the other.
    parallel_for(row_blocks + layout.blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; part++) {
        if (part < row_blocks) {
          const int64_t first = part * B / row_blocks;
          const int64_t rows = (part + 1) * B / row_blocks - first;
          float* const left = packed_rows + part * packed_floats;
          pack_a(false, rows, columns, pass.d_sums + first * columns, columns, left);
          gemm_panels(rows, left, packed.get(), 0, panel_count(H), pass.d_operand + first * padded, padded, false);
          continue;
        }
        const int64_t column = (part - row_blocks) * block_columns;
        const int64_t count = std::min(block_columns, columns - column);
        float* const memory = packed_sums + (part - row_blocks) * packed_block;
        const PackedB right = pack_b_into(memory, false, B, count, pass.d_sums + column, columns);
        gemm_panels(H, packed_operand, &right, 0, panel_count(count), d_weight.data() + column, columns, true);
      }
    });
  }
  from_blocks(layout, H, d_weight.data(), pass.d_recurrent);
  copy_rows(B, H, pass.d_operand, padded, pass.d_initial_hidden, H);
  copy_rows(B, H, pass.d_cell, padded, pass.d_initial_cell, H);
}

}  // namespace rnnx
