import type { DeviceEntry } from './device-directory.js';

/**
 * The partition of a device: that of its gateway where it has one, so that what a gateway says of its devices (data
 * loss, restarts) meets their readings in the same process. The hash is the one Kafka's own clients use for keys.
 */
export function partitionOf(entry: DeviceEntry, count: number): number {
  return partitionOfSpeaker(entry.enterprise, entry.gatewayDeviceId ?? entry.deviceId, count);
}

/** The same by tenant and the device id of the gateway, or of the device that has its own connection. */
export function partitionOfSpeaker(tenant: string, speakerId: string, count: number): number {
  return (murmur2(Buffer.from(`${tenant}/${speakerId}`, 'utf8')) & 0x7fff_ffff) % count;
}

/** MurmurHash2 with Kafka's seed (org.apache.kafka.common.utils.Utils), as a signed 32-bit integer. */
export function murmur2(data: Buffer): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ data.length;
  const whole = data.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k = Math.imul(data.readInt32LE(i), m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  for (let i = data.length - 1; i >= whole; i--) h ^= data[i]! << (8 * (i - whole));
  if (whole < data.length) h = Math.imul(h, m);
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) | 0;
}
