// Runs the kernels on random sizes from several threads at once, in memory of exactly the size they may touch, and compares
// with plain loops. Built and run by scripts/sanitize.mjs under AddressSanitizer and ThreadSanitizer; needs no Node.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "cross_entropy.h"
#include "dispatch.h"
#include "gemm.h"
#include "losses.h"
#include "optimizers.h"
#include "parallel.h"
#include "queue.h"
#include "random.h"
#include "sequence.h"
#include "sequence_bn.h"
#include "sequence_fd.h"
#include "stepped_matrix.h"

namespace {

using Floats = std::vector<float>;

std::atomic<int> failures{0};

void check(bool holds, const char* what) {
  if (holds) return;
  failures++;
  std::fprintf(stderr, "failed: %s\n", what);
}

/// Numbers of one thread: Knuth's 64-bit linear congruence, high bits.
struct Draws {
  uint64_t state;
  uint32_t word() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 32);
  }
  int64_t whole(int64_t low, int64_t high) { return low + static_cast<int64_t>(word() % static_cast<uint64_t>(high - low + 1)); }
  bool chance() { return (word() & 1) != 0; }
  Floats floats(int64_t n) {
    Floats x(static_cast<size_t>(n));
    for (float& each : x) each = static_cast<float>(word()) * 0x1p-31f - 1.0f;
    return x;
  }
};

bool close(float got, double wanted, double size) { return std::fabs(got - wanted) <= 1e-5 * size + 1e-6; }

void products(Draws& draws) {
  const int64_t M = draws.whole(1, 40), N = draws.whole(1, 90), K = draws.whole(1, draws.chance() ? 60 : 800);
  const bool transA = draws.chance(), transB = draws.chance();
  Floats A = draws.floats(M * K);
  const Floats B = draws.floats(K * N);
  if (draws.chance())
    for (float& each : A) each = draws.whole(0, 15) == 0 ? each : 0.0f;
  Floats C(static_cast<size_t>(M * N)), P = C, Q = C;
  const int64_t lda = transA ? M : K, ldb = transB ? K : N;
  rnnx::gemm(transA, transB, M, N, K, A.data(), lda, B.data(), ldb, C.data(), N, false);
  for (int64_t i = 0; i < M; i++)
    for (int64_t j = 0; j < N; j++) {
      double sum = 0;
      for (int64_t k = 0; k < K; k++)
        sum += static_cast<double>(A[static_cast<size_t>(transA ? k * lda + i : i * lda + k)]) *
               B[static_cast<size_t>(transB ? j * ldb + k : k * ldb + j)];
      check(close(C[static_cast<size_t>(i * N + j)], sum, static_cast<double>(K)), "product");
    }
  rnnx::PackedB* packed = rnnx::pack_b(transB, K, N, B.data(), ldb);
  if (!transA) {
    rnnx::gemm_packed(M, N, K, A.data(), lda, packed, P.data(), N, false);
    check(P == C, "packed product");
  }
  Floats packedA(static_cast<size_t>(rnnx::packed_a_floats(M, K)));
  rnnx::pack_a(transA, M, K, A.data(), lda, packedA.data());
  rnnx::parallel_for(rnnx::panel_count(N), 1, [&](int64_t begin, int64_t end) {
    rnnx::gemm_panels(M, packedA.data(), packed, begin, end, Q.data(), N, false);
  });
  check(Q == C, "product by panels");
  rnnx::free_packed(packed);
}

void losses(Draws& draws) {
  const int64_t N = draws.whole(0, 30), H = draws.whole(1, 40), V = draws.whole(1, draws.chance() ? 90 : 2500);
  const Floats hidden = draws.floats(N * H), weight = draws.floats(V * H), bias = draws.floats(V), dy = draws.floats(N);
  const rnnx::OutputLayer layer = {N, H, V, hidden.data(), weight.data(), bias.data()};
  std::vector<int32_t> labels(static_cast<size_t>(N));
  for (int32_t& each : labels) each = static_cast<int32_t>(draws.whole(0, V - 1));
  Floats nll(static_cast<size_t>(N)), again = nll, logits(static_cast<size_t>(N * V));
  Floats memory(static_cast<size_t>(rnnx::cross_entropy_memory(N, V)));
  rnnx::cross_entropy(layer, labels.data(), nll.data(), memory.data());
  rnnx::cross_entropy(layer, labels.data(), again.data(), nullptr);
  check(nll == again, "loss with and without memory for the gradient");
  Floats dh(static_cast<size_t>(N * H)), dw(static_cast<size_t>(V * H)), db(static_cast<size_t>(V));
  Floats dh2 = dh, dw2 = dw, db2 = db;
  rnnx::cross_entropy_gradient(layer, labels.data(), memory.data(), dy.data(), {dh.data(), dw.data(), db.data()});
  rnnx::cross_entropy_gradient(layer, labels.data(), memory.data(), dy.data(), {dh2.data(), nullptr, nullptr});
  rnnx::cross_entropy_gradient(layer, labels.data(), memory.data(), dy.data(), {nullptr, dw2.data(), db2.data()});
  check(dh == dh2 && dw == dw2 && db == db2, "gradients together and apart");
  for (int64_t v = 0; v < V; v++) {
    // The gradient of the bias, from logits of our own.
    double sum = 0, size = 0;
    for (int64_t n = 0; n < N; n++) {
      double normalizer = 0, own = 0;
      for (int64_t u = 0; u < V; u++) {
        double logit = bias[static_cast<size_t>(u)];
        for (int64_t i = 0; i < H; i++)
          logit += static_cast<double>(hidden[static_cast<size_t>(n * H + i)]) * weight[static_cast<size_t>(u * H + i)];
        normalizer += std::exp(logit);
        if (u == v) own = std::exp(logit);
      }
      sum += dy[static_cast<size_t>(n)] * (own / normalizer - (labels[static_cast<size_t>(n)] == v ? 1 : 0));
      size += std::fabs(dy[static_cast<size_t>(n)]);
    }
    check(close(db[static_cast<size_t>(v)], sum, size), "gradient of the bias");
    if (v >= 4) break;
  }
  const Floats targets = draws.floats(N * V);
  rnnx::sigmoid_loss(layer, targets.data(), nll.data(), logits.data());
  rnnx::sigmoid_loss_gradient(layer, targets.data(), logits.data(), dy.data(), {dh.data(), nullptr, db.data()});
}

void updates(Draws& draws) {
  const int64_t n = draws.whole(0, 200);
  const rnnx::OptimizerTable& table = RNNX_TABLE(optimizer_table);
  Floats w = draws.floats(n), m(static_cast<size_t>(n)), v = m;
  const Floats g = draws.floats(n);
  const rnnx::Step step = {n, w.data(), g.data(), 0.5f, 0.1f, w.data()};
  table.sgd(step);
  table.momentum(step, m.data(), 0.9f, m.data());
  table.adam(step, m.data(), v.data(), {0.9f, 0.1f, 0.99f, 0.01f, 1e-8f, 1.0f}, m.data(), v.data());
  table.rmsprop(step, m.data(), v.data(), 0.9f, 0.1f, 0.9f, 1e-6f, m.data(), v.data());
  table.average(n, m.data(), w.data(), 0.5f, m.data());
  check(std::isfinite(table.sum_squares(n, w.data())), "updates");
  const int64_t blocks = draws.whole(0, 100);
  std::vector<uint32_t> words(static_cast<size_t>(4 * blocks));
  const rnnx::RandomTable& random = RNNX_TABLE(random_table);
  random.words(3, blocks, 1, 2, words.data());
  Floats normal(words.size());
  random.normals(4 * blocks, words.data(), normal.data());
  for (const float each : normal) check(std::fabs(each) < 7, "normal");
}

void sequences(Draws& draws) {
  using rnnx::SequenceCell;
  rnnx::Sequence s = {};
  s.cell = static_cast<SequenceCell>(draws.whole(0, static_cast<int64_t>(SequenceCell::count) - 1));
  s.steps = draws.whole(1, 6);
  s.batch = draws.whole(1, 24);
  s.units = draws.whole(1, 50);
  const int64_t H = s.units, state = s.batch * H, G = rnnx::sequence_gates(s.cell);
  const bool before = s.cell == SequenceCell::gru_before;
  const Floats recurrent = draws.floats((before ? 2 : G) * H * H), candidate = draws.floats(H * H), bias = draws.floats(H);
  s.recurrent = recurrent.data();
  s.candidate = candidate.data();
  s.recurrent_bias = bias.data();
  const Floats scale = draws.floats(state);
  Floats d_scale(static_cast<size_t>(state));
  const rnnx::Perturbation noise = {rnnx::PerturbationKind::scale, scale.data(), {0, H, 1}, d_scale.data(), {0, H, 1}};
  s.operands = 1;
  const rnnx::Chain chain = {&noise, 1};
  if (draws.chance()) {
    s.chains[static_cast<int>(rnnx::SequenceSite::hidden)] = chain;
  } else {
    s.chains[static_cast<int>(rnnx::SequenceSite::recurrent)] = chain;
    for (rnnx::Chain& each : s.operand_chains) each = chain;
    if (draws.chance() && G > 1) s.operands = before ? 2 : G;
  }
  const int64_t weights = s.operands == 1 && draws.chance() ? static_cast<int64_t>(recurrent.size()) : 0;
  const Floats masks = draws.floats(s.steps * weights);
  Floats d_masks(masks.size());
  const int64_t weight_columns = (before ? 2 : G) * H;
  const rnnx::Perturbation drop = {rnnx::PerturbationKind::scale, masks.data(), {weights, weight_columns, 1},
                                   draws.chance() ? d_masks.data() : nullptr, {weights, weight_columns, 1}};
  if (weights > 0) s.chains[static_cast<int>(rnnx::SequenceSite::weights)] = {&drop, 1};
  const rnnx::SequenceLayout layout = rnnx::sequence_layout(s, true);
  Floats memory(static_cast<size_t>(layout.size));
  const Floats product = draws.floats(s.steps * G * state), h0 = draws.floats(state), c0 = draws.floats(state);
  Floats hidden(static_cast<size_t>(s.steps * state)), last_h(static_cast<size_t>(state)), last_c = last_h;
  rnnx::sequence_forward({s, layout, memory.data(), product.data(), h0.data(), c0.data(), hidden.data(), last_h.data(),
                          last_c.data()});
  const Floats d_hidden = draws.floats(s.steps * state);
  Floats d_product(product.size()), d_recurrent(recurrent.size()), d_candidate(candidate.size()), d_bias(bias.size());
  rnnx::SequenceBackward pass = {};
  pass.sequence = s;
  pass.layout = layout;
  pass.memory = memory.data();
  pass.d_hidden = d_hidden.data();
  pass.d_product = d_product.data();
  pass.d_recurrent = d_recurrent.data();
  pass.d_candidate = d_candidate.data();
  pass.d_bias = d_bias.data();
  Floats d_h0(h0.size()), d_c0(c0.size());
  pass.d_initial_hidden = d_h0.data();
  pass.d_initial_cell = d_c0.data();
  rnnx::sequence_backward(pass);
  if (weights > 0) rnnx::sequence_weight_values(pass);
  check(std::all_of(hidden.begin(), hidden.end(), [](float x) { return !std::isnan(x); }), "sequence");
}

void stepped(Draws& draws) {
  const int64_t T = draws.whole(1, 4), B = draws.whole(1, 9), R = draws.whole(1, 150), C = draws.whole(1, 70);
  const bool transposed = draws.chance();
  const Floats matrix = draws.floats(R * C), noise = draws.floats(T * R * C), mask = draws.floats(T * C);
  Floats d_noise(noise.size()), d_mask(mask.size());
  const bool values = draws.chance();
  const rnnx::Perturbation both[] = {
      {rnnx::PerturbationKind::shift, noise.data(), {R * C, C, 1}, values ? d_noise.data() : nullptr, {R * C, C, 1}},
      {rnnx::PerturbationKind::scale, mask.data(), {C, 0, 1}, values ? d_mask.data() : nullptr, {C, 0, 1}}};
  const rnnx::SteppedMatrix m = {R, C, matrix.data(), {both, draws.whole(1, 2)}};
  const Floats left = draws.floats(T * B * R), right = draws.floats(T * B * C);
  Floats y(static_cast<size_t>(T * B * (transposed ? R : C))), d_matrix(matrix.size());
  rnnx::stepped_product(m, transposed, T, B, transposed ? right.data() : left.data(), y.data());
  double sum = 0;
  for (int64_t k = 0; k < (transposed ? C : R); k++) {
    const int64_t at = transposed ? k : k * C;
    const double w = (static_cast<double>(matrix[static_cast<size_t>(at)]) + noise[static_cast<size_t>(at)]) *
                     (m.chain.count == 2 ? mask[static_cast<size_t>(transposed ? k : 0)] : 1.0f);
    sum += w * (transposed ? right : left)[static_cast<size_t>(k)];
  }
  check(close(y[0], sum, 4.0 * static_cast<double>(R + C)), "stepped product");
  rnnx::stepped_gradient(m, {T, B, left.data(), R, right.data(), C, 0, C}, values ? nullptr : d_matrix.data());
}

void normalized_sequences(Draws& draws) {
  rnnx::NormalizedLstm net = {};
  net.steps = draws.whole(1, 5);
  net.batch = draws.whole(1, 40);
  net.units = draws.whole(1, 50);
  const int64_t T = net.steps, H = net.units, G = 4 * H, state = net.batch * H;
  const Floats mask(static_cast<size_t>(T * net.batch), 1.0f), bias = draws.floats(G), beta = draws.floats(H);
  net.mask = draws.chance() ? mask.data() : nullptr;
  net.bias = bias.data();
  net.beta = beta.data();
  Floats gammas[3], means[3], variances[3];
  std::vector<double> d_gammas[3];
  rnnx::BatchNorm* const norms[] = {&net.input, &net.recurrent, &net.readout};
  for (int k = 0; k < 3; k++) {
    const int64_t N = k == 2 ? H : G;
    gammas[k] = draws.floats(N);
    means[k].resize(static_cast<size_t>(T * N));
    variances[k].resize(static_cast<size_t>(T * N));
    d_gammas[k].resize(static_cast<size_t>(N));
    *norms[k] = {gammas[k].data(), 0.1f, means[k].data(), variances[k].data(), d_gammas[k].data()};
  }
  const Floats recurrent = draws.floats(H * G), product = draws.floats(T * net.batch * G);
  const Floats h0 = draws.floats(state), c0 = draws.floats(state), d_hidden = draws.floats(T * state);
  const rnnx::NormalizedLayout layout = rnnx::normalized_layout(T, net.batch, H, true);
  const rnnx::NormalizedLayout bare = rnnx::normalized_layout(T, net.batch, H, false);
  Floats memory(static_cast<size_t>(layout.size)), little(static_cast<size_t>(bare.size));
  Floats hidden(static_cast<size_t>(T * state)), again = hidden, last(static_cast<size_t>(state)), last_again = last;
  rnnx::normalized_forward({net, layout, recurrent.data(), product.data(), h0.data(), c0.data(), memory.data(),
                            hidden.data(), last.data()});
  rnnx::normalized_forward({net, bare, recurrent.data(), product.data(), h0.data(), c0.data(), little.data(),
                            again.data(), last_again.data()});
  check(hidden == again && last == last_again, "normalised sequence with and without memory");
  Floats d_product(product.size()), d_recurrent(recurrent.size()), d_h(last.size()), d_c(last.size());
  std::vector<double> d_bias(bias.size()), d_beta(beta.size());
  rnnx::NormalizedBackward pass = {};
  pass.net = net;
  pass.layout = layout;
  pass.recurrent = recurrent.data();
  pass.product = product.data();
  pass.initial_hidden = h0.data();
  pass.memory = memory.data();
  pass.hidden = hidden.data();
  pass.d_hidden = d_hidden.data();
  pass.d_product = d_product.data();
  pass.d_recurrent = d_recurrent.data();
  pass.d_initial_hidden = d_h.data();
  pass.d_initial_cell = d_c.data();
  pass.d_bias = d_bias.data();
  pass.d_beta = d_beta.data();
  rnnx::normalized_backward(pass);
  check(std::all_of(d_c.begin(), d_c.end(), [](float x) { return std::isfinite(x); }), "normalised sequence");
}

void moment_sequences(Draws& draws) {
  const Floats node = {-1.7f, 0.0f, 1.7f}, weight = {0.2f, 0.6f, 0.2f};
  rnnx::MomentNet net = {};
  net.steps = draws.whole(1, 5);
  net.batch = draws.whole(1, 70);
  net.units = draws.whole(1, 50);
  const auto activation = draws.whole(0, static_cast<int64_t>(rnnx::MomentActivation::count) - 1);
  net.rule = {static_cast<rnnx::MomentActivation>(activation), draws.chance() ? 3 : 0, node.data(), weight.data()};
  net.keep = 0.8f;
  const int64_t H = net.units, state = net.batch * H, all = net.steps * state;
  const Floats recurrent = draws.floats(H * H), product = draws.floats(all), d = draws.floats(all), h0 = draws.floats(state);
  const Floats spread(static_cast<size_t>(all), 0.5f);
  net.recurrent = recurrent.data();
  Floats memory(static_cast<size_t>(rnnx::moment_memory(net))), mean(product.size()), variance = mean, again = mean;
  rnnx::moment_forward({net, product.data(), spread.data(), h0.data(), spread.data(), memory.data(), mean.data(), variance.data()});
  rnnx::moment_forward({net, product.data(), spread.data(), h0.data(), spread.data(), nullptr, again.data(), variance.data()});
  check(mean == again, "moments with and without memory");
  Floats d_product(product.size()), d_spread = d_product, d_recurrent(recurrent.size()), d_h(h0.size()), d_v = d_h;
  rnnx::moment_backward({net, h0.data(), memory.data(), mean.data(), d.data(), d.data(), d_product.data(), d_spread.data(),
                         d_recurrent.data(), d_h.data(), d_v.data()});
  check(std::all_of(d_h.begin(), d_h.end(), [](float x) { return std::isfinite(x); }), "moments");
}

void loops(Draws& draws) {
  const int64_t n = draws.whole(0, 3000);
  std::vector<int> visits(static_cast<size_t>(n));
  rnnx::parallel_for(n, draws.whole(1, 50), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) visits[static_cast<size_t>(i)]++;
    rnnx::parallel_for(3, 1, [](int64_t, int64_t) {});
  });
  check(std::all_of(visits.begin(), visits.end(), [](int x) { return x == 1; }), "each index once");
  std::atomic<int64_t> rest{(int64_t{1} << 33) + n};  // more than half a word holds
  rnnx::parallel_for(rest, 1, [&](int64_t begin, int64_t end) { rest -= end - begin; });
  check(rest == 0, "all of many");
}

template <class F>
struct Task final : rnnx::Command {
  explicit Task(F f) : work(std::move(f)) {}
  void run() override { work(); }
  F work;
};
template <class F>
std::unique_ptr<rnnx::Command> task(F work) {
  return std::make_unique<Task<F>>(std::move(work));
}

/// Commands that knew of a failure before them: modes and thread counts change meanwhile, so not all can.
std::atomic<int> known_failures{0};

/// Commands that depend on the order in which they run, looked at by the thread that submits them now and then.
void commands(Draws& draws) {
  rnnx::Queue* const queue = rnnx::Queue::claim();
  check(queue != nullptr, "a queue for each caller");
  if (queue == nullptr) return;
  const int64_t n = draws.whole(1, 3000), count = draws.whole(1, 600);
  std::vector<int64_t> x(static_cast<size_t>(n));
  int64_t expected = 0, run_then = 0;
  std::atomic<int64_t> run{0};
  uint64_t marked = 0;
  for (int64_t k = 0; k < count; k++) {
    if (draws.whole(0, 30) == 0) rnnx::set_queue_mode(static_cast<rnnx::QueueMode>(draws.whole(0, 2)));
    if (draws.whole(0, 10) == 0) {
      queue->drain(marked);
      check(run >= run_then, "commands up to a mark");
      marked = queue->submitted();
      run_then = k;
    }
    queue->submit(task([&x, &run, n, k] {
      rnnx::parallel_for(n, 500, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) x[static_cast<size_t>(i)] = (3 * x[static_cast<size_t>(i)] + k) % 1000003;
      });
      run++;
    }));
    expected = (3 * expected + k) % 1000003;
    if (draws.whole(0, 40) != 0) continue;
    queue->drain();
    check(std::all_of(x.begin(), x.end(), [&](int64_t each) { return each == expected; }), "commands up to here");
  }
  if (draws.chance()) {
    bool told = false, known = false, still = false;
    try {
      queue->submit(task([] { throw std::bad_alloc(); }));
      queue->submit(task([&known] { known = rnnx::earlier_command_failed(); }));
      queue->drain();
    } catch (const std::bad_alloc&) {
      // Where commands run at once, the submission itself fails, or the one after it.
      told = true;
    }
    queue->submit(task([&still] { still = rnnx::earlier_command_failed(); }));
    queue->drain();
    check(told, "told of no memory");
    check(!still, "told once");
    if (rnnx::queue_mode() == rnnx::QueueMode::late && rnnx::thread_count() > 1) known_failures += known ? 1 : 0;
  }
  queue->release();
  check(std::all_of(x.begin(), x.end(), [&](int64_t each) { return each == expected; }), "all commands");
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  std::vector<std::thread> callers;
  for (uint64_t caller = 0; caller < 3; caller++)
    callers.emplace_back([=] {
      Draws draws{caller + 1};
      for (int round = 0; round < rounds; round++) {
        // Between calls the number may change under others.
        if (caller == 0) rnnx::set_thread_count(static_cast<int>(draws.whole(1, 4)));
        for (const auto& part : {products, losses, updates, sequences, normalized_sequences, moment_sequences, stepped, loops, commands}) part(draws);
      }
    });
  for (std::thread& each : callers) each.join();
  check(rounds < 20 || known_failures > 0, "commands know of a failure before them");
  std::printf("%s: %d rounds by 3 callers, %d failures\n", rnnx::isa_name(), rounds, failures.load());
  return failures == 0 ? 0 : 1;
}
