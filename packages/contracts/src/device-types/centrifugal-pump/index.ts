import type { DeviceType } from '../../device-type.js';
import { contract as v1_0 } from './v1.0/contract.js';
import { contract as v2_1 } from './v2.1/contract.js';

export const deviceType: DeviceType = { name: 'centrifugal_pump', versions: [v1_0, v2_1] };
