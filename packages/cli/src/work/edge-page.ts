import type { GatewayStatus } from '@millrace/edge';
import { ageText } from '../runtime/table.js';

/**
 * The gateway's own page: what it reads, what waits, whether it is connected, for someone standing in front of it
 * with no platform in reach. Plain HTML without scripts; it reloads itself.
 */
export function gatewayPage(status: GatewayStatus): string {
  const { gateway, uplink, outbox, samples } = status;
  const up = uplink.state === 'connected';
  const oldest = outbox.unsent === 0 ? '' : `, the oldest for ${ageText(status.outbox_oldest_s * 1000)}`;
  const facts: readonly (readonly [string, string, boolean])[] = [
    [
      'Uplink',
      `${uplink.state} to ${uplink.url}${up || !uplink.lastError ? '' : `: ${uplink.lastError}`}`,
      up,
    ],
    ['Outbox', `${outbox.unsent} waiting${oldest}`, outbox.unsent < 1000],
    ['Lost', `${outbox.lost} dropped before they could be sent`, outbox.lost === 0],
    ['Deadband', `${samples.taken} samples, ${samples.reduction_pct.toFixed(1)} % held back`, true],
    ['Running for', ageText(status.uptime_s * 1000), true],
  ];
  const drivers = Object.entries(status.drivers).map(([name, driver]) => [
    name,
    driver.type,
    driver.state,
    driver.reason ?? '',
  ]);
  const tags = status.tags.map((tag) => [
    tag.device_id,
    tag.tag,
    tag.last_sent === null ? '' : `${String(tag.last_sent.v)} ${tag.unit}`,
    tag.last_sent === null ? 'not read yet' : quality(tag.last_sent.q),
  ]);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${htmlText(gateway.id)}</title>
<style>body{font:15px system-ui,sans-serif;margin:2rem;max-width:60rem;color:#222;background:#eee}
table{border-collapse:collapse;width:100%;margin:0 0 2rem}td,th{text-align:left;padding:.25rem .75rem .25rem 0;
border-bottom:1px solid #ccc}.bad{font-weight:700}</style></head><body>
<h1>${htmlText(gateway.id)}</h1><p>${htmlText(gateway.common_name)}, version ${htmlText(status.version)}</p>
<table>${facts.map(([name, text, well]) => `<tr><th>${name}</th><td${well ? '' : ' class="bad"'}>${htmlText(text)}</td></tr>`).join('')}</table>
${table(['Driver', 'Type', 'State', 'Reason'], drivers)}
${table(['Device', 'Tag', 'Last value sent', 'Quality'], tags)}
</body></html>`;
}

function quality(q: number): string {
  const status = q >> 6;
  return `${status === 3 ? 'good' : status === 1 ? 'uncertain' : 'bad'} (${q})`;
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = headings.map((heading) => `<th>${heading}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((cell) => `<td>${htmlText(cell)}</td>`).join('')}</tr>`)
    .join('\n');
  return `<table><tr>${head}</tr>\n${body}</table>`;
}

function htmlText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
