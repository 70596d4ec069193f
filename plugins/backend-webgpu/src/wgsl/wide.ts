/**
 * Integers of 64 bits as vec2u, low word first, and numbers of 64 significant bits. Single precision is too coarse for normals
 * that have the bits of a computation in double precision, and compilers may reorder it; integers they may not.
 */
export const wideText = `
fn multiply(a: u32, b: u32) -> vec2u {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let left = (a >> 16u) * (b & 0xffffu);
  let right = (a & 0xffffu) * (b >> 16u);
  let middle = (low >> 16u) + (left & 0xffffu) + (right & 0xffffu);
  let high = (a >> 16u) * (b >> 16u) + (left >> 16u) + (right >> 16u) + (middle >> 16u);
  return vec2u((low & 0xffffu) | (middle << 16u), high);
}

fn plus(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn minus(a: vec2u, b: vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn below(a: vec2u, b: vec2u) -> bool { return a.y < b.y || (a.y == b.y && a.x < b.x); }

fn shift_left(a: vec2u, n: u32) -> vec2u {
  if (n == 0u) { return a; }
  if (n >= 64u) { return vec2u(); }
  if (n >= 32u) { return vec2u(0u, a.x << (n - 32u)); }
  return vec2u(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}

fn shift_right(a: vec2u, n: u32) -> vec2u {
  if (n == 0u) { return a; }
  if (n >= 64u) { return vec2u(); }
  if (n >= 32u) { return vec2u(a.y >> (n - 32u), 0u); }
  return vec2u((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}

fn leading_zeros(a: vec2u) -> u32 {
  return select(countLeadingZeros(a.y), 32u + countLeadingZeros(a.x), a.y == 0u);
}

/** All 128 bits. */
fn product_of(a: vec2u, b: vec2u) -> vec4u {
  let low = multiply(a.x, b.x);
  let left = multiply(a.y, b.x);
  let right = multiply(a.x, b.y);
  let high = multiply(a.y, b.y);
  let one = plus(vec2u(low.y, 0u), vec2u(left.x, 0u));
  let two = plus(one, vec2u(right.x, 0u));
  let three = plus(plus(vec2u(left.y, 0u), vec2u(right.y, 0u)), vec2u(two.y, 0u));
  return vec4u(low.x, two.x, plus(high, three));
}

fn high_of(a: vec2u, b: vec2u) -> vec2u { return product_of(a, b).zw; }

/** digits 2^(power - 63), the first digit set. */
struct Wide {
  digits: vec2u,
  power: i32,
}

fn wide(digits: vec2u, power: i32) -> Wide {
  let zeros = leading_zeros(digits);
  return Wide(shift_left(digits, zeros), power - i32(zeros));
}

fn times(a: Wide, b: Wide) -> Wide {
  let all = product_of(a.digits, b.digits);
  if ((all.w & 0x80000000u) != 0u) { return Wide(all.zw, a.power + b.power + 1); }
  return Wide(vec2u((all.z << 1u) | (all.y >> 31u), (all.w << 1u) | (all.z >> 31u)), a.power + b.power);
}

/** Of a number below 1: times 2^64. */
fn fraction(a: Wide) -> vec2u { return shift_right(a.digits, u32(-1 - a.power)); }

/** The nearest single. */
fn single(a: Wide, negative: bool) -> f32 {
  let kept = a.digits.y >> 8u;
  let rest = a.digits.y & 0xffu;
  let up = rest > 0x80u || (rest == 0x80u && (a.digits.x != 0u || (kept & 1u) == 1u));
  let bits = (u32(a.power + 127) << 23u) + (kept - 0x800000u) + select(0u, 1u, up);
  return bitcast<f32>(bits | select(0u, 0x80000000u, negative));
}
`;

/** -ln, sin, cos and square root to about 58 bits. */
export const functionsText = `
const quarter_turns = array<vec3u, 5>(
  vec3u(0x00000000u, 0x00000000u, 0x00000000u),
  vec3u(0x9898cc51u, 0x442d1846u, 0x1921fb54u),
  vec3u(0x313198a3u, 0x885a308du, 0x3243f6a8u),
  vec3u(0xc9ca64f4u, 0xcc8748d3u, 0x4b65f1fcu),
  vec3u(0x62633146u, 0x10b4611au, 0x6487ed51u),
);
const sine_terms = array<vec2u, 11>(
  vec2u(0x00000000u, 0x80000000u),
  vec2u(0x55555555u, 0x15555555u),
  vec2u(0x11111111u, 0x01111111u),
  vec2u(0x06806807u, 0x00068068u),
  vec2u(0xe3a556c7u, 0x0000171du),
  vec2u(0xcc8acfebu, 0x00000035u),
  vec2u(0x5849184fu, 0x00000000u),
  vec2u(0x006b9fd0u, 0x00000000u),
  vec2u(0x0000654bu, 0x00000000u),
  vec2u(0x0000004cu, 0x00000000u),
  vec2u(0x00000000u, 0x00000000u),
);
const cosine_terms = array<vec2u, 11>(
  vec2u(0x00000000u, 0x80000000u),
  vec2u(0x00000000u, 0x40000000u),
  vec2u(0x55555555u, 0x05555555u),
  vec2u(0x2d82d82eu, 0x002d82d8u),
  vec2u(0x00d00d01u, 0x0000d00du),
  vec2u(0xc9f6ef14u, 0x0000024fu),
  vec2u(0x7bb63bfeu, 0x00000004u),
  vec2u(0x064e5d2au, 0x00000000u),
  vec2u(0x0006b9fdu, 0x00000000u),
  vec2u(0x000005a1u, 0x00000000u),
  vec2u(0x00000004u, 0x00000000u),
);
const logarithm_terms = array<vec2u, 14>(
  vec2u(0x00000000u, 0x80000000u),
  vec2u(0xaaaaaaabu, 0x2aaaaaaau),
  vec2u(0x9999999au, 0x19999999u),
  vec2u(0x49249249u, 0x12492492u),
  vec2u(0x38e38e39u, 0x0e38e38eu),
  vec2u(0x2e8ba2e9u, 0x0ba2e8bau),
  vec2u(0xd89d89d9u, 0x09d89d89u),
  vec2u(0x88888889u, 0x08888888u),
  vec2u(0x87878788u, 0x07878787u),
  vec2u(0x286bca1bu, 0x06bca1afu),
  vec2u(0x18618618u, 0x06186186u),
  vec2u(0x42c8590bu, 0x0590b216u),
  vec2u(0xeb851eb8u, 0x051eb851u),
  vec2u(0x684bda13u, 0x04bda12fu),
);
const ln2 = vec2u(0xbe8e7bcdu, 0x058b90bfu);
const root2 = vec2u(0xf9de6484u, 0xb504f333u);

/** -2 ln((w + 1/2) 2^-32), by ln f = 2 artanh((f - 1) / (f + 1)) with f between the roots of 1/2 and 2. */
fn minus_two_ln(w: u32) -> Wide {
  let m = vec2u((w << 1u) | 1u, w >> 31u);
  let zeros = leading_zeros(m);
  let k = 63u - zeros + select(0u, 1u, below(root2, shift_left(m, zeros)));
  let one = shift_left(vec2u(1u, 0u), k);
  let small = below(m, one);
  var rest = minus(m, one);
  if (small) { rest = minus(one, m); }
  let whole = 33u - k;
  var twos = vec2u();
  for (var i = 0u; i < whole; i++) { twos = plus(twos, ln2); }
  if (rest.x == 0u && rest.y == 0u) { return wide(twos, 5); }
  let divisor = plus(m, one);
  var power = 0;
  while (below(rest, divisor)) {
    rest = shift_left(rest, 1u);
    power--;
  }
  var digits = vec2u();
  for (var i = 0; i < 64; i++) {
    digits = shift_left(digits, 1u);
    if (!below(rest, divisor)) {
      rest = minus(rest, divisor);
      digits.x |= 1u;
    }
    rest = shift_left(rest, 1u);
  }
  let s = Wide(digits, power);
  let square = fraction(times(s, s));
  var sum = logarithm_terms[13];
  for (var n = 12; n >= 0; n--) { sum = plus(logarithm_terms[n], high_of(sum, square)); }
  var part = times(s, wide(sum, 0));
  part.power += 1; // |ln f|
  if (whole == 0u) { return Wide(part.digits, part.power + 1); }
  let fixed = shift_right(part.digits, u32(4 - part.power));
  if (small) { return wide(plus(twos, fixed), 5); }
  return wide(minus(twos, fixed), 5);
}

/** Two steps of Newton for 1 / sqrt(a), from the single that is near it. */
fn square_root(x: Wide) -> Wide {
  let odd = x.power & 1;
  var a = shift_right(x.digits, 1u); // 62 bits after the point, from 1 to 4
  if (odd == 1) { a = x.digits; }
  let start = inverseSqrt(f32(a.y) * 0x1p-30f);
  var y = vec2u(0u, u32(min(start, 1.0) * 0x1p31f)); // 63 bits
  for (var i = 0; i < 2; i++) {
    let near_one = high_of(a, high_of(y, y)); // 60 bits
    y = shift_left(high_of(y, minus(vec2u(0u, 0x30000000u), near_one)), 3u);
  }
  var root = wide(high_of(a, y), 2);
  root.power += (x.power - odd) >> 1u;
  return root;
}

struct Turn {
  sine: Wide,
  cosine: Wide,
  /** Which is which, and which is negative. */
  quarter: u32,
  sine_negative: bool,
  /** No angle at all. */
  zero: bool,
}

/** Sine and cosine of what is left of the angle w 2 pi 2^-32, rounded to double precision, after whole quarter turns. */
fn turn(w: u32) -> Turn {
  // The double 2 pi has the digits 0x1921fb54442d18; the product has 82 bits after the point.
  let low = multiply(w, 0x54442d18u);
  let high = plus(multiply(w, 0x001921fbu), vec2u(low.y, 0u));
  var angle = vec3u(low.x, high.x, high.y);
  let zeros = select(countLeadingZeros(angle.z), 32u + countLeadingZeros(angle.y), angle.z == 0u);
  // Nearest double: 53 digits of at most 85, a tie to even. Whatever is dropped lies in the low word.
  let length = 96u - zeros;
  if (w != 0u && length > 53u) {
    let drop = length - 53u; // 1 to 32
    let mask = 0xffffffffu >> (32u - drop);
    let rest = angle.x & mask;
    let half = 1u << (drop - 1u);
    var odd = angle.y & 1u;
    if (drop < 32u) { odd = (angle.x >> drop) & 1u; }
    angle.x &= ~mask;
    if (rest > half || (rest == half && odd == 1u)) {
      let sum = angle.x + mask + 1u; // 0 where the low word overflows, or is dropped as a whole
      angle = vec3u(sum, plus(angle.yz, vec2u(select(0u, 1u, sum == 0u), 0u)));
    }
  }
  // 92 bits after the point.
  angle = vec3u(angle.x << 10u, (angle.y << 10u) | (angle.x >> 22u), (angle.z << 10u) | (angle.y >> 22u));
  let quarter = ((w >> 1u) + 0x10000000u) >> 29u;
  let whole = quarter_turns[quarter];
  let negative = below(angle.yz, whole.yz) || (all(angle.yz == whole.yz) && angle.x < whole.x);
  let larger = select(angle, whole, negative);
  let smaller = select(whole, angle, negative);
  let upper = minus(minus(larger.yz, smaller.yz), vec2u(select(0u, 1u, larger.x < smaller.x), 0u));
  let left = vec3u(larger.x - smaller.x, upper); // times 2^-92
  var result: Turn;
  result.quarter = quarter & 3u;
  result.sine_negative = negative;
  result.zero = all(left == vec3u());
  var digits = left.yz;
  var low_digits = left.x;
  var power = 3;
  if (left.z == 0u) {
    digits = left.xy;
    low_digits = 0u;
    power = -29;
  }
  let lead = leading_zeros(digits);
  digits = shift_left(digits, lead);
  if (lead > 0u && lead < 32u) { digits.x |= low_digits >> (32u - lead); }
  let x = Wide(digits, power - i32(lead));
  let square = fraction(times(x, x));
  var sine = sine_terms[10];
  var cosine = cosine_terms[10];
  for (var n = 9; n >= 0; n--) {
    sine = minus(sine_terms[n], high_of(sine, square));
    cosine = minus(cosine_terms[n], high_of(cosine, square));
  }
  result.sine = times(x, wide(sine, 0));
  result.cosine = wide(cosine, 0);
  return result;
}

/** Box and Muller: the normals of two words. */
fn normal_pair(w0: u32, w1: u32) -> vec2f {
  let radius = square_root(minus_two_ln(w0));
  let at_angle = turn(w1);
  let s = at_angle.sine_negative;
  let cosine = single(times(radius, at_angle.cosine), false);
  var sine = 0.0;
  if (!at_angle.zero) { sine = single(times(radius, at_angle.sine), s); }
  switch at_angle.quarter {
    case 0u: { return vec2f(cosine, sine); }
    case 1u: { return vec2f(-sine, cosine); }
    case 2u: { return vec2f(-cosine, -sine); }
    default: { return vec2f(sine, -cosine); }
  }
}
`;
