import { Presets, SingleBar } from 'cli-progress';

/** Shorter work shows no bar. */
const SHOW_AFTER_MS = 300;

/** A progress bar that appears only during long work. */
export interface Progress {
  /** Without a total, which not every file tells, there is no bar. */
  update(done: number, total: number | undefined): void;
  stop(): void;
}

/** Draws on `stream`. Does nothing without one, which means that standard error is not a terminal. */
export function createProgress(label: string, stream: NodeJS.WritableStream | undefined): Progress {
  if (stream === undefined) return { update() {}, stop() {} };
  const startedAtMs = performance.now();
  let bar: SingleBar | undefined;
  return {
    update(done, total) {
      if (total === undefined) return;
      if (bar === undefined) {
        if (performance.now() - startedAtMs < SHOW_AFTER_MS) return;
        bar = new SingleBar(
          { stream, format: `${label} {bar} {percentage}%`, clearOnComplete: true, hideCursor: true },
          Presets.shades_classic,
        );
        bar.start(total, done);
      }
      bar.setTotal(total);
      bar.update(done);
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}
