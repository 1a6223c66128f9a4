/** Why numbers are missing or time passed in silence. */
export type GapCause =
  | 'data_loss'
  | 'gateway_restart'
  | 'gateway_stopped'
  | 'link_down'
  | 'platform_stopped'
  | 'dead_lettered'
  | 'unknown';

/** An event near the break, of the device, its gateway or the platform. */
export interface NearbyEvent {
  readonly type: string;
  /** ms. */
  readonly ts: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Judges the cause of a break from what was said around it, the most telling first. Pure. `deadLetters` counts
 * messages without a readable number that were dead-lettered in that time.
 */
export function judgeCause(
  events: readonly NearbyEvent[],
  deadLetters: number,
): { cause: GapCause; evidence: string } {
  const said = (type: string) => events.find((event) => event.type === type);
  const loss = said('data_loss');
  if (loss !== undefined)
    return {
      cause: 'data_loss',
      evidence: `The gateway reported ${loss.body.count} lost messages (${loss.body.cause}).`,
    };
  const started = said('gateway_started');
  if (started?.body.previous === 'crash')
    return { cause: 'gateway_restart', evidence: `The gateway started at ${iso(started)} after a crash.` };
  const stopping = said('gateway_stopping');
  if (stopping !== undefined || started?.body.previous === 'orderly')
    return {
      cause: 'gateway_stopped',
      evidence:
        stopping !== undefined
          ? `The gateway stopped in order at ${iso(stopping)}${reason(stopping)}.`
          : `The gateway started at ${iso(started!)} after an orderly stop.`,
    };
  const lost = said('uplink_lost') ?? said('offline');
  if (lost !== undefined)
    return { cause: 'link_down', evidence: `The link was lost at ${iso(lost)}${reason(lost)}.` };
  const platform = said('platform_stopping') ?? said('platform_started');
  if (platform !== undefined)
    return { cause: 'platform_stopped', evidence: `The platform said ${platform.type} at ${iso(platform)}.` };
  if (deadLetters > 0)
    return {
      cause: 'dead_lettered',
      evidence: `${deadLetters} messages without a readable number were dead-lettered.`,
    };
  return { cause: 'unknown', evidence: 'Nobody reported anything at that time.' };
}

function iso(event: NearbyEvent): string {
  return new Date(event.ts).toISOString();
}

function reason(event: NearbyEvent): string {
  return typeof event.body.reason === 'string' ? ` (${event.body.reason})` : '';
}
