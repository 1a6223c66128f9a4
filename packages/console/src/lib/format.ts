/** How numbers, times and names are written. Times are in the viewer's zone, always with the zone somewhere in sight. */

const timeFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const dayTimeFormat = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const fullFormat = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: '2-digit',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});
const zoneFormat = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });

/** The viewer's zone as shown beside times, e.g. `CET`, `UTC`. */
export function zoneName(at: number): string {
  const part = zoneFormat.formatToParts(at).find((one) => one.type === 'timeZoneName');
  return part?.value ?? 'local';
}

/** `14:03:05`. */
export function clockTime(at: number): string {
  return timeFormat.format(at);
}

/** `23 Nov, 14:03:05`. */
export function dayTime(at: number): string {
  return dayTimeFormat.format(at);
}

/** `Mon, 23 Nov 2026, 14:03:05 CET`: what a tooltip shows. */
export function fullTime(at: number): string {
  return fullFormat.format(at);
}

/** An age rounded as people say it: `now`, `8 s`, `3 min`, `5 h`, `12 d`. */
export function age(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 2) return 'now';
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** A length of time: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 120) return `${s} s`;
  if (s < 7200) return joined(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 172_800) return joined(Math.floor(s / 3600), 'h', Math.round((s % 3600) / 60), 'min');
  return joined(Math.floor(s / 86_400), 'd', Math.round((s % 86_400) / 3600), 'h');
}

function joined(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** A count with thin groups: `12 345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US').replaceAll(',', '\u202f');
}

/** A rate: one decimal below 100, none above. */
export function rate(value: number): string {
  return value < 100 ? value.toFixed(1) : count(value);
}

/** Decimals that suit a tag: about a thousandth of its range, at most 3. */
export function decimalsFor(range: readonly [number, number] | undefined): number {
  if (!range) return 1;
  const span = Math.abs(range[1] - range[0]);
  if (span >= 1000) return 0;
  if (span >= 50) return 1;
  return span >= 5 ? 2 : 3;
}

/** A measured value with a fixed number of decimals, so that it keeps its width. */
export function measured(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return '\u2013';
  const text = Math.abs(value) >= 10_000 ? groups(value, decimals) : value.toFixed(decimals);
  return text.replace('-', '\u2212');
}

function groups(value: number, decimals: number): string {
  return value
    .toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    .replaceAll(',', '\u202f');
}

const unitTokens = new Set(
  'c bar m3h m3 m mms kw kwh rpm h v a hz pct mb s min ms mg l ph ntu lux ppm db'.split(' '),
);
const shortWords: Readonly<Record<string, string>> = { temp: 'temperature', rms: 'RMS', cpu: 'CPU' };

/** A tag's name for people: `bearing_temp_c` becomes `Bearing temperature`. */
export function tagLabel(name: string): string {
  const parts = name.split('_');
  if (parts.length > 1 && unitTokens.has(parts.at(-1)!)) parts.pop();
  const text = parts.map((part) => shortWords[part] ?? part).join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `centrifugal_pump` becomes `Centrifugal pump`, `north-station` becomes `North station`. */
export function nameLabel(name: string): string {
  const text = name.replaceAll(/[_-]/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A share of 0 to 1 as `99.99 %`: 99.996 must not be rounded up to a completeness that is not there. */
export function completeness(share: number | null | undefined): string {
  if (share === null || share === undefined) return '\u2013';
  return share === 1 ? '100 %' : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

/** `1 gap`, `3 gaps`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
