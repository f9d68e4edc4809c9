import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type AttemptEvent, type RunEvent, type UploadEvent } from '@gearshift/contracts';

/*
 * Node registers channels by name for the whole process. Building a message costs more than deciding, so a message is built only when
 * `hasSubscribers` is true.
 *
 * The message types are in separate files without channel types: the latter differ between releases of Node's type definitions, so the
 * declarations that users compile must not name them.
 */

export const attemptChannel = tracingChannel<unknown, AttemptEvent>(TRACING_CHANNELS.attempt);
export const runChannel = tracingChannel<unknown, RunEvent>(TRACING_CHANNELS.run);
export const uploadChannel = tracingChannel<unknown, UploadEvent>(TRACING_CHANNELS.upload);
export const breakerChannel = channel(CHANNELS.breaker);
export const decisionChannel = channel(CHANNELS.decision);
export const deviceChannel = channel(CHANNELS.device);
export const residencyChannel = channel(CHANNELS.residency);
export const verifyChannel = channel(CHANNELS.verify);
