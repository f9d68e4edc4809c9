// node main.mjs [--backend cuda|webgpu] [--json FILE] [--quick] [--bandwidth PROGRAM] [--sanitizer PROGRAM]
//
// Checks the CUDA or the WebGPU backend on the GPU of this machine: the contract suite, rankings against the CPU, compute-sanitizer if it is
// installed, and measurements. Needs only an NVIDIA driver and no network. Prints a summary and writes one report. On a
// simulated driver, or one in software, everything runs except the measurements, which are refused.
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { createCudaBackend } from '@gearshift/backend-cuda';
import { createWebGpuBackend } from '@gearshift/backend-webgpu';
import { checkContract } from './check-contract.mjs';
import { compareRankings } from './compare-rankings.mjs';
import { measure } from './measure.mjs';
import { measureWebGpu } from './measure-webgpu.mjs';
import { runSanitizers } from './run-sanitizers.mjs';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cuda' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    bandwidth: { type: 'string' },
    sanitizer: { type: 'string', default: 'compute-sanitizer' },
    only: { type: 'string' },
  },
});

const CREATORS = { cuda: createCudaBackend, webgpu: () => createWebGpuBackend({ allowSoftwareDriver: true }) };
const create = CREATORS[options.backend];
if (create === undefined) throw new RangeError(`--backend: expected cuda or webgpu, got ${options.backend}`);

const made = await create();
if (!made.ok) {
  console.error(`There is no GPU to check: ${made.error.message}`);
  process.exit(2);
}
const device = made.value.describe();
await made.value.close();
const isSimulated = device.device.includes('simulator') || device.limitations.some((line) => line.includes('software'));
console.log(`${device.device}, ${device.level}, driver ${device.driver}${isSimulated ? ' (nothing is measured)' : ''}`);

const contract = options.only === 'rankings' ? { passed: 0, failures: [], skips: [] } : await checkContract(create);
console.log(
  `contract: ${contract.passed} passed, ${contract.failures.length} failed, ${contract.skips.length} skipped`,
);
for (const { check, reason } of contract.failures) console.log(`  ${check}: ${reason}`);

const rankings = await compareRankings(create, { quick: options.quick });
const wrongRankings = rankings.different.filter(({ isRounding }) => !isRounding);
const swapped = rankings.different.length - wrongRankings.length;
console.log(
  `rankings: ${rankings.compared} compared with the CPU's, ${wrongRankings.length} wrong, ` +
    `${swapped} with rows of equal scores (up to rounding) in another order`,
);

// Under a sanitizer this program runs only the contract.
const hasSanitizers = options.backend === 'cuda' && options.only === undefined;
const sanitizers = !hasSanitizers ? [] : runSanitizers(options.sanitizer, import.meta.filename);
for (const { tool, result } of sanitizers) console.log(`${tool}: ${result}`);

const measured =
  isSimulated || options.only !== undefined
    ? null
    : options.backend === 'cuda'
      ? await measure({ quick: options.quick, bandwidth: options.bandwidth })
      : await measureWebGpu({ quick: options.quick });
for (const { goal, figure, limit, held } of measured?.goals ?? []) {
  console.log(`${goal}: ${figure} (${limit}) ${held === null ? 'not measured' : held ? 'held' : 'missed'}`);
}

const failed =
  contract.failures.length + wrongRankings.length + sanitizers.filter(({ isFailure }) => isFailure).length > 0;
if (options.json !== undefined) {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
  };
  const report = {
    date: new Date().toISOString(),
    device,
    isSimulated,
    machine,
    contract,
    rankings,
    sanitizers,
    measured,
  };
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
process.exitCode = failed ? 1 : 0;
