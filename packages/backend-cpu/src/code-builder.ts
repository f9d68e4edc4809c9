import type { CompanionCounts, CompanionState, Operand, VectorMatrix } from '@gearshift/contracts';
import { own } from '@gearshift/contracts/internal';
import { ADDON_STATUS, isMatrix } from '@gearshift/native-kit';
import type { CpuAddon } from './addon.js';
import { BACKEND_ID } from './backend-errors.js';
import { CODE_PRICES, type CodePrices } from './code-prices.js';
import { isShared, type CopyInSlices, type CpuResidents } from './cpu-residents.js';
import { readMemory } from './memory-reading.js';
import { STEP_DONE, STEP_MORE } from './sliced-work.js';

/** How long a step encodes. A request that begins meanwhile ends it sooner. */
const STEP_MS = 8;
/** How long to wait while requests are under way, or another thread encodes the same rows. */
const RETRY_MS = 5;
/** Between two steps, for whatever else the event loop has to do. */
const PAUSE_MS = 1;

export interface CodeBuilderParts {
  readonly addon: CpuAddon;
  /** Of a synchronous call. */
  readonly context: number;
  readonly residents: CpuResidents;
  /** Whether a request of this thread is under way. */
  readonly isBusy: () => boolean;
  readonly budgetBytes: number | undefined;
  readonly prices: CodePrices | undefined;
}

/** What is known of a matrix that has been scanned without codes. */
interface Account {
  /** The one that a build is for; as the last ranking named it. */
  matrix: VectorMatrix;
  /** Time that codes would have saved since the last attempt to make them. */
  savedMs: number;
  /** Why the last attempt failed. */
  refusal: string | undefined;
  /** Of the build under way: rows that have codes, and the copy that is made first if there is none. */
  coded: number;
  copy: CopyInSlices | undefined;
}

/**
 * Makes codes of matrices in the background. It rents before it buys: the rankings of a matrix are scans until codes would have saved
 * the time that it takes to make them, so that it is never more than doubled for nothing.
 *
 * Codes are made in short steps on a thread of the addon, one matrix after the other, and only while no request of this thread is
 * under way. No timer keeps the process alive.
 */
export class CodeBuilder {
  readonly #addon: CpuAddon;
  readonly #context: number;
  readonly #residents: CpuResidents;
  readonly #isBusy: () => boolean;
  readonly #budgetBytes: number | undefined;
  readonly #prices: CodePrices;
  /** By what keeps the rows of a matrix alive. Matrices with the same rows share one. */
  readonly #accounts = new WeakMap<object, Account>();
  /** Those with a build, which is under way for the first one. */
  #builds: Account[] = [];
  /** Its copy lacks many changed rows. */
  #behind: VectorMatrix | undefined;
  #built = 0;
  readonly #refused = { budget: 0, memory: 0 };
  /** The number of the job of a step. */
  #step: number | undefined;
  #stepEnded: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #isClosed = false;

  constructor({ addon, context, residents, isBusy, budgetBytes, prices = CODE_PRICES }: CodeBuilderParts) {
    this.#addon = addon;
    this.#context = context;
    this.#residents = residents;
    this.#isBusy = isBusy;
    this.#budgetBytes = budgetBytes;
    this.#prices = prices;
  }

  /** A ranking took so long that would have taken less with codes. */
  scanned(matrix: VectorMatrix, kernelMs: number): void {
    if (this.#isClosed) return;
    if (this.#residents.isBehind(matrix) || this.#residents.offersCodes(matrix)) {
      // There are more changed rows than a synchronous request takes over. Without this there would only ever be more of them.
      this.#behind = matrix;
      this.#continueLater();
      return;
    }
    const isWanted = own(matrix, 'companion') === 'codes';
    if (!isWanted && !isAutomatic(matrix)) return;
    const account = this.#accountOf(matrix);
    const isBuilding = this.#builds.includes(account);
    if (!isBuilding || account.matrix.id === matrix.id) account.matrix = matrix;
    if (isBuilding) return;
    if (this.#residents.codesOf(matrix) === undefined && isShared(matrix.values)) this.#residents.adoptCopy(matrix);
    account.savedMs += this.#prices.savedMs(matrix, kernelMs);
    // The rows may have become so many that codes pay, or have lost theirs, since a matrix that asks for codes was made resident.
    if (!isWanted && account.savedMs < this.#prices.buildMs(matrix)) return;
    account.savedMs = 0;
    account.coded = 0;
    account.refusal = this.#refusalOf(matrix, isWanted);
    if (account.refusal !== undefined) return;
    this.#builds.push(account);
    this.#continueLater();
  }

  /** An operand is resident. If it is a matrix with codes, what makes them faster still is made in the background. */
  ensured(operand: Operand): void {
    if (!isMatrix(operand)) return;
    const matrix = operand;
    const copy = this.#residents.codesOf(matrix);
    if (this.#isClosed || copy === undefined || copy.coded < copy.rows || copy.isComplete) return;
    const account = this.#accountOf(matrix);
    if (this.#builds.includes(account)) return;
    account.matrix = matrix;
    account.coded = copy.coded;
    this.#builds.push(account);
    this.#continueLater();
  }

  /** A request begins: whatever a step does can wait. */
  pause(): void {
    if (this.#step !== undefined) this.#addon.cancel(this.#step);
  }

  /** Gives up the build of an operand. */
  forget({ id }: Pick<Operand, 'id'>): void {
    if (this.#behind?.id === id) this.#behind = undefined;
    for (const account of this.#builds) if (account.matrix.id === id) this.#end(account);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#behind = undefined;
    for (const account of this.#builds) this.#end(account);
    await this.#stepEnded;
  }

  counts(): CompanionCounts {
    return {
      ...this.#residents.heldCodes(),
      budgetBytes: this.#budgetBytes ?? null,
      building: this.#builds.length,
      built: this.#built,
      refused: { ...this.#refused },
    };
  }

  describe(matrix: VectorMatrix): CompanionState {
    const state = (status: CompanionState['status'], reason: string, bytes = 0): CompanionState => {
      return { backend: BACKEND_ID, status, reason, bytes };
    };
    const companion = own(matrix, 'companion') ?? 'auto';
    if (companion === 'none') return state('none', `companion is 'none'`);
    if (companion !== 'auto' && companion !== 'codes') return state('none', `companion is '${companion}', for GPUs`);
    const unsuited = this.#residents.whyCodesDoNotPay(matrix);
    if (unsuited !== undefined) return state('none', unsuited);
    this.#residents.takeSaved(matrix);
    const copy = this.#residents.codesOf(matrix);
    if (copy !== undefined && copy.bytes + copy.fileBytes > 0) {
      const bytes = copy.bytes + copy.fileBytes;
      return state('ready', 'rankings read codes of the rows, and few of the rows themselves', bytes);
    }
    if (this.#residents.offersCodes(matrix)) {
      return state('waiting', 'the codes of the file are brought up to date before the first longer ranking');
    }
    const account = this.#accountOf(matrix);
    const { savedMs, refusal, coded } = account;
    const isBuilding = this.#builds.includes(account) && account.matrix.id === matrix.id;
    if (isBuilding && coded > 0) {
      return state(
        'building',
        `${coded} of ${matrix.rows} rows have codes; more get them while no request is under way`,
      );
    }
    if (isBuilding) return state('waiting', 'codes are made while no request is under way');
    if (companion === 'codes') {
      return state('waiting', 'codes are made before the first longer ranking, if there is memory for them');
    }
    const progress = `codes would have saved ${savedMs.toFixed(1)} ms of the ${this.#prices.buildMs(matrix).toFixed(1)} ms that it takes to make them`;
    return refusal === undefined ? state('earning', progress) : state('refused', `${refusal}; since then ${progress}`);
  }

  #accountOf(matrix: VectorMatrix): Account {
    const source = own(matrix, 'snapshot')?.memory ?? matrix.values;
    const known = this.#accounts.get(source);
    if (known !== undefined) return known;
    const account: Account = { matrix, savedMs: 0, refusal: undefined, coded: 0, copy: undefined };
    this.#accounts.set(source, account);
    return account;
  }

  /** Why no build begins. */
  #refusalOf(matrix: VectorMatrix, isWanted: boolean): string | undefined {
    if (!isShared(matrix.values) && this.#residents.codesOf(matrix) === undefined) {
      return 'the rows are in an ordinary array, and there is no resident copy of them';
    }
    const planned = this.#builds.reduce((bytes, account) => bytes + this.#residents.codeBytesOf(account.matrix), 0);
    const held = this.#residents.heldCodes().bytes + planned;
    const bytes = this.#residents.codeBytesOf(matrix);
    const { freeBytes } = readMemory();
    const budget = this.#budgetBytes ?? (freeBytes ?? Infinity) / 2;
    if (!isWanted && held + bytes > budget) {
      this.#refused.budget += 1;
      const limit = this.#budgetBytes === undefined ? 'half of the free memory' : 'memory.companionBytes';
      return `codes of ${bytes} bytes do not fit beside ${held} bytes of others into ${Math.floor(budget)} bytes (${limit})`;
    }
    if (freeBytes !== null && bytes > freeBytes) return this.#lackMemory();
    return undefined;
  }

  #lackMemory(): string {
    this.#refused.memory += 1;
    return 'there is not enough memory for codes';
  }

  #continueLater(delayMs = PAUSE_MS): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    // Not setImmediate(), which runs in the same turn of the event loop as the end of a step: the process would never exit.
    setTimeout(() => {
      this.#isScheduled = false;
      this.#continue();
    }, delayMs).unref();
  }

  #continue(): void {
    if (this.#step !== undefined) return;
    const account = this.#builds.at(0);
    if (this.#isBusy()) {
      // Other threads may wait for the copy that only this one fills.
      if (account !== undefined) dropCopy(account);
      this.#continueLater(RETRY_MS);
      return;
    }
    this.#catchUp();
    if (account === undefined) return;
    const copy = this.#residents.codesOf(account.matrix);
    if (copy === undefined) {
      this.#copySome(account);
    } else if (copy.isComplete) {
      this.#end(account); // by another thread
    } else if (copy.coded < copy.rows && copy.coded < account.coded) {
      // A change has made another copy, while others use the one before. It has to earn its codes anew.
      this.#end(account);
    } else {
      dropCopy(account);
      this.#startStep(account, copy.handle, copy.coded);
    }
  }

  #catchUp(): void {
    const matrix = this.#behind;
    this.#behind = undefined;
    // If it fails, the next request finds out.
    if (matrix === undefined) return;
    if (this.#residents.isBehind(matrix) || this.#residents.offersCodes(matrix)) {
      void this.#residents.ensure(matrix, undefined).catch(() => undefined);
    }
  }

  /** A slice of the copy that codes belong to, which has the norms of the rows. */
  #copySome(account: Account): void {
    if (account.coded > 0 || !isShared(account.matrix.values)) {
      this.#end(account);
      return;
    }
    account.copy ??= this.#residents.copyInSlices(account.matrix);
    const status = account.copy?.step() ?? ADDON_STATUS.outOfMemory;
    if (status === STEP_DONE) account.copy = undefined;
    else if (status !== STEP_MORE) this.#fail(account);
    this.#continueLater();
  }

  #startStep(account: Account, handle: number, before: number): void {
    let ended: () => void = () => undefined;
    this.#stepEnded = new Promise((resolve) => (ended = resolve));
    const step = this.#addon.startEncodeStep(this.#context, handle, STEP_MS, (status) => {
      this.#step = undefined;
      this.#afterStep(account, status, before);
      ended();
    });
    if (step >= 0) {
      this.#step = step;
      return;
    }
    ended();
    this.#fail(account);
  }

  #afterStep(account: Account, status: number, before: number): void {
    if (!this.#builds.includes(account)) {
      this.#continueLater();
      return;
    }
    if (status < 0 && status !== ADDON_STATUS.cancelled) {
      this.#fail(account);
      return;
    }
    const copy = this.#residents.codesOf(account.matrix);
    if (copy?.isComplete === true) {
      this.#built += 1;
      this.#end(account);
      return;
    }
    account.coded = Math.max(account.coded, copy?.coded ?? 0);
    const isWaiting = account.coded === before && account.coded < (copy?.rows ?? 0);
    this.#continueLater(isWaiting ? RETRY_MS : PAUSE_MS);
  }

  #fail(account: Account): void {
    account.refusal = this.#lackMemory();
    this.#end(account);
  }

  /** Removes a build, successful or not. */
  #end(account: Account): void {
    if (this.#builds[0] === account) this.pause();
    dropCopy(account);
    account.savedMs = 0;
    this.#builds = this.#builds.filter((other) => other !== account);
    this.#continueLater();
  }
}

function isAutomatic(matrix: VectorMatrix): boolean {
  return (own(matrix, 'companion') ?? 'auto') === 'auto';
}

function dropCopy(account: Account): void {
  account.copy?.giveUp();
  account.copy = undefined;
}
