import { setTimeout } from 'node:timers';
import { ok, type BackendError, type Result } from '@gearshift/contracts';
import { describeThrown } from '@gearshift/contracts/internal';
import type { BackendFailures, Failure } from '@gearshift/native-kit';
import { NO_FEATURES } from '../kernels/device-features.js';
import { BufferPool } from './buffer-pool.js';
import { GpuWork, type Kernel } from './gpu-work.js';
import type { KernelClock, KernelTimes } from './kernel-clock.js';
import { MemoryBudget, OverBudget } from './memory-budget.js';
import { Pace } from './pace.js';

/** Scopes around all work, innermost last, and the kinds of errors that end in them. */
const SCOPES = ['internal', 'out-of-memory', 'validation'] as const;
const KINDS = { internal: 'fault', 'out-of-memory': 'out-of-memory', validation: 'fault' } as const;
const LOST = Symbol('lost');
const LATE = Symbol('late');

export interface GpuDeviceParts {
  readonly device: GPUDevice;
  readonly failures: BackendFailures;
  readonly memoryBytes: number;
  readonly hangMs: number;
  readonly mostBufferBytes?: number | undefined;
  readonly clock?: KernelClock | undefined;
}

/**
 * One WebGPU device, until it is lost. A failed allocation gives a buffer with which everything else seems to succeed, so all work runs in
 * error scopes, and nothing of it is used before they are known to be empty.
 */
export class GpuDevice {
  readonly budget: MemoryBudget;
  readonly pool: BufferPool;
  readonly pace = new Pace();
  /** Set before the first kernel that has another form with them. */
  features = NO_FEATURES;
  /** Of one buffer. Dawn fails for one that is as large as the limit says. */
  readonly largestBufferBytes: number;
  readonly #device: GPUDevice;
  readonly #failures: BackendFailures;
  readonly #hangMs: number;
  readonly #clock: KernelClock | undefined;
  readonly #kernels = new Map<string, Promise<Result<Kernel, BackendError>>>();
  readonly #gone: Promise<typeof LOST>;
  #lost: string | undefined;
  #isHung = false;

  constructor({ device, failures, memoryBytes, hangMs, mostBufferBytes = Infinity, clock }: GpuDeviceParts) {
    this.#device = device;
    this.#failures = failures;
    this.#hangMs = hangMs;
    this.#clock = clock;
    this.budget = new MemoryBudget(memoryBytes);
    this.pool = new BufferPool(device, this.budget);
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const most = Math.min(maxBufferSize - 1, maxStorageBufferBindingSize - 1, mostBufferBytes);
    this.largestBufferBytes = Math.floor(most / 256) * 256;
    this.#gone = device.lost.then(({ message }) => {
      this.#lost ??= `the WebGPU device was lost${message === '' ? '' : `: ${firstLine(message)}`}`;
      return LOST;
    });
    // Errors outside of scopes would be printed.
    device.addEventListener('uncapturederror', (event) => event.preventDefault());
  }

  /** Resolves when the device is lost, by an error or by {@link destroy}. */
  get gone(): Promise<unknown> {
    return this.#gone;
  }

  /** Whether the times of kernels are measured. */
  get hasClock(): boolean {
    return this.#clock !== undefined;
  }

  /** Why the device is lost, if it is. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /**
   * Compiles a kernel once for the life of the device.
   *
   * @param times receives how long that took
   */
  async kernel(name: string, code: () => string, times?: KernelTimes): Promise<Result<Kernel, BackendError>> {
    const startedAtMs = performance.now();
    let kernel = this.#kernels.get(name);
    if (kernel === undefined) {
      kernel = this.#compile(name, code());
      this.#kernels.set(name, kernel);
    }
    const compiled = await kernel;
    if (times !== undefined) times.compileMs += performance.now() - startedAtMs;
    // A lack of memory may pass.
    if (!compiled.ok) this.#kernels.delete(name);
    return compiled;
  }

  /**
   * Records commands, submits them, and waits for them.
   *
   * @param record synchronous
   * @param work multiplications in it, for the pace; 0 for uploads
   * @param times receives how long the kernels ran
   * @returns what {@link GpuWork.read} has read, in order
   */
  async run(
    record: (work: GpuWork) => void,
    work = 0,
    times?: KernelTimes,
  ): Promise<Result<ArrayBuffer[], BackendError>> {
    if (this.#lost !== undefined) return this.#failures.of('device-lost', this.#lost);
    const startedAtMs = performance.now();
    const commands = new GpuWork(this.#device, this.pool, this.#clock);
    let settled: Promise<unknown>[] = [];
    let thrown: unknown;
    const scopes = this.#inScopes(() => {
      try {
        record(commands);
        settled = commands.submit();
      } catch (error) {
        thrown = error ?? 'nothing';
      }
    });
    for (const promise of settled) promise.catch(() => undefined);
    const outcome = await this.#patiently(Promise.all([scopes, Promise.allSettled(settled)]));
    if (typeof outcome === 'symbol') return this.#giveUp(outcome);
    const [failure, results] = outcome;
    const refusal = thrown instanceof OverBudget ? this.#overBudget(thrown) : failure;
    if (refusal === undefined && thrown === undefined && results.every(({ status }) => status === 'fulfilled')) {
      const values = commands.results();
      const kernelMs = commands.kernelMs();
      if (times !== undefined) times.kernelMs += kernelMs;
      commands.recycle();
      this.pace.record(work, performance.now() - startedAtMs);
      return ok(values);
    }
    commands.destroy();
    if (refusal?.error.kind === 'out-of-memory') await this.#reclaim();
    if (this.#lost !== undefined) return this.#failures.of('device-lost', this.#lost);
    if (refusal !== undefined) return refusal;
    const reason = thrown ?? results.find(({ status }) => status === 'rejected');
    return this.#failures.of('fault', `WebGPU failed: ${describeReason(reason)}`);
  }

  /**
   * Creates buffers that stay, for {@link BufferPool.destroy}; none is left over after a failure.
   *
   * @param create calls {@link BufferPool.create} of the pool that it is given
   */
  async createBuffers(create: (own: (bytes: number) => GPUBuffer) => void): Promise<Failure | undefined> {
    if (this.#lost !== undefined) return this.#failures.of('device-lost', this.#lost);
    const created: GPUBuffer[] = [];
    let thrown: unknown;
    const scopes = this.#inScopes(() => {
      try {
        create((bytes) => {
          const buffer = this.pool.create('storage', bytes);
          created.push(buffer);
          return buffer;
        });
      } catch (error) {
        thrown = error ?? 'nothing';
      }
    });
    const outcome = await this.#patiently(scopes);
    if (typeof outcome === 'symbol') return this.#giveUp(outcome);
    const refusal = thrown instanceof OverBudget ? this.#overBudget(thrown) : outcome;
    if (refusal === undefined && thrown === undefined) return undefined;
    for (const buffer of created) this.pool.destroy(buffer);
    if (refusal?.error.kind === 'out-of-memory') await this.#reclaim();
    return refusal ?? this.#failures.of('fault', `WebGPU failed: ${describeReason(thrown)}`);
  }

  /** Ends the device, also a lost one, which has memory until then. Blocks until the commands under way have ended; so one that hangs stays. */
  destroy(): void {
    this.#lost ??= 'the WebGPU device was closed';
    if (this.#isHung) return;
    this.pool.drop();
    this.#device.destroy();
  }

  async #compile(name: string, code: string): Promise<Result<Kernel, BackendError>> {
    let compiling: Promise<GPUComputePipeline> | undefined;
    const scopes = this.#inScopes(() => {
      const module = this.#device.createShaderModule({ label: name, code });
      compiling = this.#device.createComputePipelineAsync({ label: name, layout: 'auto', compute: { module } });
    });
    const outcome = await this.#patiently(Promise.all([scopes, Promise.allSettled([compiling])]));
    if (typeof outcome === 'symbol') return this.#giveUp(outcome);
    const [failure, [compiled]] = outcome;
    if (this.#lost !== undefined) return this.#failures.of('device-lost', this.#lost);
    if (failure === undefined && compiled.status === 'fulfilled' && compiled.value !== undefined) {
      const pipeline = compiled.value;
      return ok({ pipeline, layout: pipeline.getBindGroupLayout(0) });
    }
    if (failure !== undefined) return failure;
    return this.#failures.of('fault', `the kernel ${name} was not compiled: ${describeReason(compiled)}`);
  }

  /** The first error of the commands that `record` gives, if any. */
  #inScopes(record: () => void): Promise<Failure | undefined> {
    for (const scope of SCOPES) this.#device.pushErrorScope(scope);
    record();
    const ended = SCOPES.toReversed().map(async (scope) => {
      const error = await this.#device.popErrorScope();
      if (error === null) return undefined;
      if (scope === 'out-of-memory') this.budget.learnLack();
      return this.#failures.of(KINDS[scope], `WebGPU ${scope} error: ${firstLine(error.message)}`);
    });
    return Promise.all(ended).then(
      (failures) => failures.find((failure) => failure !== undefined),
      (error: unknown) => this.#failures.of('fault', `WebGPU failed: ${describeReason(error)}`),
    );
  }

  /** Promises of a lost or hung device may never settle. */
  async #patiently<T>(work: Promise<T>): Promise<T | typeof LOST | typeof LATE> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<typeof LATE>((resolve) => {
      timer = setTimeout(() => resolve(LATE), this.#hangMs);
    });
    try {
      const outcome = await Promise.race([work, this.#gone, late]);
      // What has ended before the loss was noticed is no longer to be trusted either.
      return this.#lost === undefined || outcome === LATE ? outcome : LOST;
    } finally {
      clearTimeout(timer);
    }
  }

  #giveUp(outcome: typeof LOST | typeof LATE): Failure {
    if (outcome === LOST) return this.#failures.of('device-lost', this.#lost ?? 'the WebGPU device was lost');
    this.#isHung = true;
    this.#lost ??= `the WebGPU device did not finish its work within ${this.#hangMs} ms`;
    return this.#failures.of('timeout', this.#lost);
  }

  #overBudget({ requestedBytes, freeBytes }: OverBudget): Failure {
    const message = `${requestedBytes} bytes do not fit in the ${freeBytes} free bytes of the WebGPU memory budget`;
    return this.#failures.of('out-of-memory', message, { requestedBytes, freeBytes });
  }

  /** Destroyed buffers are freed once a later submit has ended. */
  async #reclaim(): Promise<void> {
    this.pool.drop();
    if (this.#lost !== undefined) return;
    this.#device.queue.submit([]);
    await this.#patiently(this.#device.queue.onSubmittedWorkDone().catch(() => undefined));
  }
}

function describeReason(reason: unknown): string {
  const cause = (reason as { readonly reason?: unknown } | undefined)?.reason ?? reason;
  return firstLine(describeThrown(cause));
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0].slice(0, 300);
}
