import { readFile } from 'node:fs/promises';
import { configError, errorMessage, field, MillraceError, parseConfig } from '@millrace/foundation';
import { plantDevices, tagsOf } from '../faults.js';
import type { PlantMap } from '../plants/map-types.js';

/** How a recorded CSV becomes the readings of a plant's devices. */
export const replayMapField = field.object('Which column of a recording is which tag.', {
  separator: field.string('The character between columns.', {
    default: ',',
    pattern: /^.$/u,
    patternDoc: 'one character',
  }),
  timestamp: field.string(
    'Name of the column with the time of a row: ISO 8601 (UTC when it names no zone), or Unix seconds or milliseconds.',
  ),
  others: field.oneOf(
    'Tags that no column gives: `off` serves them as bad, `model` lets the simulation fill them.',
    ['off', 'model'],
    { default: 'off' },
  ),
  devices: field.map(
    'By device id, then by tag.',
    field.map(
      'Tags of this device.',
      field.object('Where the value comes from: a column, or a fixed value.', {
        column: field.optional(field.string('Name of the column.')),
        value: field.optional(field.number('A fixed value, for a tag the recording lacks.')),
        factor: field.number('Factor from the unit of the column to the unit of the tag.', { default: 1 }),
        offset: field.number('Added after the factor.', { default: 0 }),
      }),
    ),
  ),
});

/** Spelt out, as the inferred type of nested maps is more than the compiler follows. */
export interface ReplayMap {
  readonly separator: string;
  readonly timestamp: string;
  readonly others: 'off' | 'model';
  readonly devices: Readonly<Record<string, Readonly<Record<string, ReplaySource>>>>;
}

export interface ReplaySource {
  readonly column?: string | undefined;
  readonly value?: number | undefined;
  readonly factor: number;
  readonly offset: number;
}

/** Reads and checks a map file (YAML or JSON) against the plant; every problem is one line of the error. */
export async function loadReplayMap(file: string, plant: PlantMap): Promise<ReplayMap> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new MillraceError(
      'config_unreadable',
      `Cannot read the replay map ${file} (${errorMessage(error)}); name an existing file.`,
      { cause: error },
    );
  });
  const result = parseConfig(text, replayMapField);
  if (!result.ok) throw configError(file, result.problems);
  const map = result.value as unknown as ReplayMap;
  const problems = replayMapProblems(map, plant);
  if (problems.length > 0) throw new MillraceError('config_invalid', `${file}: ${problems.join('; ')}.`);
  return map;
}

/** What the plant cannot do with the map, in words. */
export function replayMapProblems(map: ReplayMap, plant: PlantMap): string[] {
  const devices = plantDevices(plant);
  const problems: string[] = [];
  for (const [deviceId, tags] of Object.entries(map.devices)) {
    const type = devices.get(deviceId);
    if (type === undefined) {
      problems.push(`the plant has no device ${deviceId}, only ${[...devices.keys()].join(', ')}`);
      continue;
    }
    const known = tagsOf(type).map((tag) => tag.name);
    for (const [tag, source] of Object.entries(tags)) {
      if (!known.includes(tag)) problems.push(`${deviceId} has no tag ${tag}, only ${known.join(', ')}`);
      if ((source.column === undefined) === (source.value === undefined))
        problems.push(`${deviceId}.${tag} needs either a column or a value`);
    }
  }
  return problems;
}
