/**
 * Sums of products of float32 numbers in whole numbers of 96 bits, because WGSL has no double precision, may reorder what float32 would
 * need to make up for it, and leaves infinities and NaN to the device. A sum has the exponent of its largest product so far, 62 bits below
 * that and 32 above: n products are off by at most `n * 2^-61` of the largest. Adding whole numbers has the same result in every order.
 */
export const WIDE_SUMS = /* wgsl */ `
const IS_NAN = 1u;
const IS_PLUS_INFINITY = 2u;
const IS_MINUS_INFINITY = 4u;
const NO_EXPONENT = -1000000;
const NAN_BITS = 0x7fc00000u;
const INFINITY_BITS = 0x7f800000u;

/** The number high:mid:low (two's complement) times 2^exponent, unless it is special. */
struct Sum { low: u32, mid: u32, high: u32, exponent: i32, special: u32 }

/** A positive number: high:low times 2^exponent. */
struct Magnitude { low: u32, high: u32, exponent: i32 }

fn no_sum() -> Sum { return Sum(0u, 0u, 0u, NO_EXPONENT, 0u); }

fn is_zero(bits: u32) -> bool { return (bits << 1u) == 0u; }
fn is_finite(bits: u32) -> bool { return (bits & INFINITY_BITS) != INFINITY_BITS; }
fn is_nan(bits: u32) -> bool { return (bits & 0x7fffffffu) > INFINITY_BITS; }

/** The 24 bits of a finite number other than 0, and its exponent. */
fn mantissa_of(bits: u32) -> vec2<i32> {
  let fraction = bits & 0x7fffffu;
  let exponent = i32((bits >> 23u) & 255u);
  if (exponent > 0) { return vec2<i32>(i32(fraction | 0x800000u), exponent - 150); }
  let shift = i32(countLeadingZeros(fraction)) - 8;
  return vec2<i32>(i32(fraction << u32(shift)), -149 - shift);
}

/** What the product of two numbers is unless it is finite; 0 if it is. */
fn special_product(a: u32, b: u32) -> u32 {
  if (is_finite(a) && is_finite(b)) { return 0u; }
  if (is_nan(a) || is_nan(b) || is_zero(a) || is_zero(b)) { return IS_NAN; }
  return select(IS_PLUS_INFINITY, IS_MINUS_INFINITY, ((a ^ b) >> 31u) == 1u);
}

/** The product of 24 bits and 24 bits, in the upper 48 of 64. */
fn product_of(a: vec2<i32>, b: vec2<i32>) -> Magnitude {
  let a_high = u32(a.x) >> 12u;
  let a_low = u32(a.x) & 0xfffu;
  let b_high = u32(b.x) >> 12u;
  let b_low = u32(b.x) & 0xfffu;
  let upper = a_high * b_high;
  let middle = a_high * b_low + a_low * b_high;
  let first = a_low * b_low + (upper << 24u);
  let second = first + (middle << 12u);
  let carries = select(0u, 1u, first < (upper << 24u)) + select(0u, 1u, second < (middle << 12u));
  let high = (upper >> 8u) + (middle >> 20u) + carries;
  return Magnitude(second << 16u, (high << 16u) | (second >> 16u), a.y + b.y - 16);
}

/** Keeps the sign. */
fn shift_right(sum: Sum, by: i32) -> Sum { return shift_in(sum, min(by, 95), u32(i32(sum.high) >> 31u)); }

/** To the right, with words of fill from the left. */
fn shift_in(sum: Sum, by: i32, fill: u32) -> Sum {
  var s = sum;
  var left = u32(by);
  while (left >= 32u) {
    s.low = s.mid;
    s.mid = s.high;
    s.high = fill;
    left -= 32u;
  }
  if (left > 0u) {
    s.low = (s.low >> left) | (s.mid << (32u - left));
    s.mid = (s.mid >> left) | (s.high << (32u - left));
    s.high = (s.high >> left) | (fill << (32u - left));
  }
  return s;
}

fn add_words(sum: Sum, low: u32, mid: u32, high: u32) -> Sum {
  var s = sum;
  s.low = s.low + low;
  let carry = select(0u, 1u, s.low < low);
  s.mid = s.mid + mid;
  let carry_of_mid = select(0u, 1u, s.mid < mid);
  s.mid = s.mid + carry;
  s.high = s.high + high + carry_of_mid + select(0u, 1u, s.mid < carry);
  return s;
}

fn negated(sum: Sum) -> Sum {
  return add_words(Sum(~sum.low, ~sum.mid, ~sum.high, sum.exponent, sum.special), 1u, 0u, 0u);
}

fn add_magnitude(sum: Sum, term: Magnitude, is_negative: bool) -> Sum {
  var s = sum;
  if (term.exponent > s.exponent) {
    s = shift_right(s, min(term.exponent - s.exponent, 95));
    s.exponent = term.exponent;
  }
  let by = u32(min(s.exponent - term.exponent, 64));
  var low = term.low;
  var high = term.high;
  if (by >= 64u) { return s; }
  if (by >= 32u) {
    low = high >> (by - 32u);
    high = 0u;
  } else if (by > 0u) {
    low = (low >> by) | (high << (32u - by));
    high = high >> by;
  }
  if (is_negative) {
    let minus = negated(Sum(low, high, 0u, 0, 0u));
    return add_words(s, minus.low, minus.mid, minus.high);
  }
  return add_words(s, low, high, 0u);
}

fn add_product(sum: Sum, a: u32, b: u32) -> Sum {
  var s = sum;
  let special = special_product(a, b);
  if (special != 0u) {
    s.special |= special;
    return s;
  }
  if (is_zero(a) || is_zero(b)) { return s; }
  return add_magnitude(s, product_of(mantissa_of(a), mantissa_of(b)), ((a ^ b) >> 31u) == 1u);
}

fn add_sums(a: Sum, b: Sum) -> Sum {
  let exponent = max(a.exponent, b.exponent);
  let x = shift_right(a, min(exponent - a.exponent, 95));
  let y = shift_right(b, min(exponent - b.exponent, 95));
  return add_words(Sum(x.low, x.mid, x.high, exponent, a.special | b.special), y.low, y.mid, y.high);
}

fn is_negative(sum: Sum) -> bool { return (sum.high >> 31u) == 1u; }

fn magnitude_of(sum: Sum) -> Sum {
  if (is_negative(sum)) { return negated(sum); }
  return sum;
}

/** The number of the highest bit that is set, from 0; -1 without one. */
fn highest_bit(sum: Sum) -> i32 {
  if (sum.high != 0u) { return 95 - i32(countLeadingZeros(sum.high)); }
  if (sum.mid != 0u) { return 63 - i32(countLeadingZeros(sum.mid)); }
  return 31 - i32(countLeadingZeros(sum.low));
}

fn shift_left(sum: Sum, by: i32) -> Sum {
  var s = sum;
  var left = u32(by);
  while (left >= 32u) {
    s.high = s.mid;
    s.mid = s.low;
    s.low = 0u;
    left -= 32u;
  }
  if (left > 0u) {
    s.high = (s.high << left) | (s.mid >> (32u - left));
    s.mid = (s.mid << left) | (s.low >> (32u - left));
    s.low = s.low << left;
  }
  return s;
}

/** What the sum is unless it is finite. */
fn special_sum(special: u32) -> u32 {
  let both = IS_PLUS_INFINITY | IS_MINUS_INFINITY;
  return select(special, IS_NAN, (special & IS_NAN) != 0u || (special & both) == both);
}

/** Adds factor * sum: the upper 64 bits of the sum times the 24 of the factor, of which the upper 64 remain. */
fn add_scaled(sum: Sum, factor: u32, scaled: Sum) -> Sum {
  var s = sum;
  let special = special_sum(scaled.special);
  let top = highest_bit(magnitude_of(scaled));
  if (special != 0u || !is_finite(factor)) {
    // As bits of a number of the same kind.
    var bits = select(0u, 0x3f800000u, top >= 0) | select(0u, 0x80000000u, is_negative(scaled));
    if (special == IS_NAN) { bits = NAN_BITS; }
    if (special == IS_PLUS_INFINITY) { bits = INFINITY_BITS; }
    if (special == IS_MINUS_INFINITY) { bits = INFINITY_BITS | 0x80000000u; }
    s.special |= special_product(factor, bits);
    return s;
  }
  if (top < 0 || is_zero(factor)) { return s; }
  let upper = shift_left(magnitude_of(scaled), 95 - top);  // its highest bit is the highest of 96
  let f = mantissa_of(factor);
  // (high:mid) * f, by parts of 16 bits of the first and 24 of the second.
  let multiplier = u32(f.x);
  let part0 = wide_product(upper.mid, multiplier);
  let part1 = wide_product(upper.high, multiplier);
  let middle = part1.x + part0.y;
  let high = part1.y + select(0u, 1u, middle < part0.y);
  // high:middle:part0.x has 88 bits. Shifted up by 8, the upper 64 are a magnitude.
  let term = Magnitude((middle << 8u) | (part0.x >> 24u), (high << 8u) | (middle >> 24u), scaled.exponent - (95 - top) + 32 + f.y + 24);
  return add_magnitude(s, term, is_negative(scaled) != ((factor >> 31u) == 1u));
}

/** The 64 bits of a product of 32 and 24 bits: low, high. */
fn wide_product(a: u32, b: u32) -> vec2<u32> {
  let upper = (a >> 16u) * (b >> 12u);
  let lower = (a & 0xffffu) * (b & 0xfffu);
  let first = (a >> 16u) * (b & 0xfffu);
  let second = (a & 0xffffu) * (b >> 12u);
  // upper * 2^28 + first * 2^16 + second * 2^12 + lower
  var low = lower;
  var high = 0u;
  let one = upper << 28u;
  low += one;
  high += (upper >> 4u) + select(0u, 1u, low < one);
  let two = first << 16u;
  low += two;
  high += (first >> 16u) + select(0u, 1u, low < two);
  let three = second << 12u;
  low += three;
  high += (second >> 20u) + select(0u, 1u, low < three);
  return vec2<u32>(low, high);
}

/** The nearest float32, ties to the even one, as bits. */
fn bits_of(sum: Sum) -> u32 {
  let special = special_sum(sum.special);
  if (special == IS_NAN) { return NAN_BITS; }
  if (special == IS_PLUS_INFINITY) { return INFINITY_BITS; }
  if (special == IS_MINUS_INFINITY) { return INFINITY_BITS | 0x80000000u; }
  let magnitude = magnitude_of(sum);
  let top = highest_bit(magnitude);
  if (top < 0) { return 0u; }
  let sign = select(0u, 0x80000000u, is_negative(sum));
  if (magnitude.exponent + top > 127) { return sign | INFINITY_BITS; }
  let unit = max(magnitude.exponent + top - 23, -149);  // the exponent of the last bit that remains
  let dropped = unit - magnitude.exponent;
  var mantissa = 0u;
  if (dropped <= 0) {
    mantissa = shift_left(magnitude, -dropped).low;
  } else if (dropped <= top + 1) {
    // A place below the last one decides, together with whether anything is set below that.
    let with_half = shift_in(magnitude, dropped - 1, 0u);
    let back = shift_left(with_half, dropped - 1);
    let is_inexact = back.low != magnitude.low || back.mid != magnitude.mid || back.high != magnitude.high;
    mantissa = with_half.low >> 1u;
    if ((with_half.low & 1u) == 1u && (is_inexact || (mantissa & 1u) == 1u)) { mantissa += 1u; }
  }
  if (unit == -149) { return sign | mantissa; }
  return sign | (((u32(unit + 150) << 23u) + mantissa) - 0x800000u);
}
`;
