import { MillraceError } from '@millrace/foundation';
import type { Plant } from './plant.js';
import { waterPumpingStation } from './water-pumping-station/plant.js';

// The state's type is the plant's own affair; everyone else only hands it back.
const plants: readonly Plant[] = [waterPumpingStation as Plant<unknown> as Plant];

/** Names of the plants that can be simulated. */
export const plantNames: readonly string[] = plants.map((plant) => plant.map.plant);

/** The plant of that name; throws `not_found` naming those there are. */
export function plantNamed(name: string): Plant {
  const plant = plants.find((candidate) => candidate.map.plant === name);
  if (!plant)
    throw new MillraceError(
      'not_found',
      `There is no simulated plant ${name}; choose one of ${plantNames.join(', ')}.`,
    );
  return plant;
}
