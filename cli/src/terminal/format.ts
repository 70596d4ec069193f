import type { Task } from '@rnnx/core';

/** Four significant digits, no exponent for what people read. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 1e7 || (magnitude > 0 && magnitude < 1e-3)) return value.toExponential(2);
  const decimals = magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : 3;
  return value.toFixed(decimals);
}

export function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${number(Math.abs(value))}`;
}

/** 1234567 as `1.23M`. */
export function count(value: number): string {
  if (value < 1000) return String(Math.round(value));
  const [scale, unit] = value < 1e6 ? [1e3, 'k'] : value < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
  const scaled = value / scale;
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)}${unit}`;
}

export function bytes(value: number): string {
  return value < 1000 ? `${value} B` : `${count(value)}B`;
}

/** 75 as `1:15`, 4000 as `1:06:40`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  const pad = (part: number) => String(part).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

export const metricLabels: Readonly<Record<Task['metric'], string>> = {
  perplexity: 'perplexity',
  'bits-per-character': 'bits/char',
  'nll-per-step': 'NLL/step',
  'error-rate': 'error %',
};
