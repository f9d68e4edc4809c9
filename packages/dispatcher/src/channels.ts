import { channel, tracingChannel } from 'node:diagnostics_channel';
import { CHANNELS, TRACING_CHANNELS, type AttemptEvent, type RunEvent, type UploadEvent } from '@gearshift/contracts';

/*
 * Channels are Node's own registry, shared by whoever names them. Building a message costs more than deciding, so each is built only where
 * `hasSubscribers` says that somebody will read it.
 *
 * What is said on them is in files of its own: the types of channels differ from one release of Node's type definitions to the next, and what
 * users compile must not name them.
 */

export const attemptChannel = tracingChannel<unknown, AttemptEvent>(TRACING_CHANNELS.attempt);
export const runChannel = tracingChannel<unknown, RunEvent>(TRACING_CHANNELS.run);
export const uploadChannel = tracingChannel<unknown, UploadEvent>(TRACING_CHANNELS.upload);
export const breakerChannel = channel(CHANNELS.breaker);
export const decisionChannel = channel(CHANNELS.decision);
export const deviceChannel = channel(CHANNELS.device);
export const residencyChannel = channel(CHANNELS.residency);
export const verifyChannel = channel(CHANNELS.verify);
