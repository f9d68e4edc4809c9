import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tellCount, tier } from '@gearshift/vitest-config/effort';
import { beforeAll, describe, expect, test, vi } from 'vitest';

// Whether the native tests find defects in certified search. Each is planted in a copy of the sources.

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
// Generous: on a machine busy with other things both take minutes.
const BUILD_TIMEOUT_MS = 300_000;

// Nx puts the folder of the node program first on the PATH, which may contain tools that are not on the user's PATH.
const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
const runs = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore', env }).status === 0;
const hasCompiler = [process.env['CXX'], 'c++', 'g++', 'clang++', 'cl'].some(
  (program) => program !== undefined && runs(program),
);
const lacks = !runs('cmake') ? 'CMake' : !hasCompiler ? 'a C++ compiler' : null;
const suffix = lacks === null ? '' : ` (skipped: needs ${lacks})`;

const SOURCE = join(PACKAGE_FOLDER, 'build/planted-defects/source');

type Level = 'portable' | 'avx512';
const hasSimde =
  process.platform === 'linux' && process.arch === 'x64' && existsSync('/usr/include/simde/simde-common.h');
/** What a level besides needs to run: that with AMX is emulated. */
const lacksFor = (level: Level): string | null =>
  lacks ?? (level === 'portable' || hasSimde ? null : 'SIMDe on x86-64');
const buildFolder = (level: Level): string => join(PACKAGE_FOLDER, 'build/planted-defects', level);

async function build(level: Level): Promise<void> {
  const run = (...args: string[]) => promisify(execFile)('cmake', args, { env });
  const generator = runs('ninja') ? ['-G', 'Ninja'] : [];
  const emulation = level === 'avx512' ? ['-DGEARSHIFT_EMULATE_AVX512=ON'] : [];
  const options = ['-DCMAKE_BUILD_TYPE=Release', '-DGEARSHIFT_NATIVE_TESTS=ON', ...emulation];
  await run('-S', join(SOURCE, 'backend-cpu'), '-B', buildFolder(level), ...generator, ...options);
  await run('--build', buildFolder(level), '--config', 'Release', '--parallel', '2', '--target', 'core_tests');
}

/** Does not throw when tests fail. */
async function runTests(level: Level): Promise<{ status: number; text: string }> {
  try {
    const program = join(buildFolder(level), 'native/tests/core_tests');
    const { stdout } = await promisify(execFile)(program, [level], { env });
    return { status: 0, text: stdout };
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string };
    if (typeof code !== 'number' || stdout === undefined) throw error;
    return { status: code, text: stdout };
  }
}

interface Defect {
  readonly name: string;
  /** In the folder `native`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Some of the groups of core_tests that must fail. */
  readonly foundBy: readonly string[];
  /** The level that they are run for: `portable` if it is not given. */
  readonly level?: Level;
}

const ROOM = 'bounds have the room of the proof';
const RESIDUALS = 'residuals have the room of the proof';
const BOUNDS = 'codes bound every row';
const SAVED = 'codes come back from a file';
const RANKINGS = 'certified rankings equal the scan';
const WHOLE_SUMS = 'whole code sums are exact';
const BATCHES = 'batches rank like single queries';
const CENTRE_ROOM = 'centres have the room of the proof';
const CENTRE_BOUNDS = 'centres bound every row';
const CENTRE_CHANGES = 'centres follow changes';
const CENTRE_SEARCH = 'centres exclude most rows';

const DEFECTS: readonly Defect[] = [
  {
    name: 'the roundings of the rotation are left out of the slack',
    file: 'core/row_codes.cc',
    from: '1 + rotation_.steps() + ',
    to: '1 + ',
    foundBy: [ROOM],
  },
  {
    name: 'the roundings of a row at length 1 are left out of the slack',
    file: 'core/row_codes.cc',
    from: '1.01 * (of_norm + ',
    to: '1.01 * (0 * of_norm + ',
    foundBy: [ROOM],
  },
  {
    name: 'the error of the coded query is left out of the slack',
    file: 'core/row_codes.cc',
    from: ' + kMostLength * query_error;',
    to: ' + 0 * query_error;',
    foundBy: [ROOM],
  },
  {
    name: 'the cancellation under the root has no room',
    file: 'core/row_codes.cc',
    from: 'coded_square * (1 + 24 * kUnit)',
    to: 'coded_square',
    foundBy: [ROOM],
  },
  {
    name: 'the rounding errors of the scan in float32 have no room in the limit',
    file: 'core/row_codes.cc',
    from: 'static_cast<double>(3 * dimensions / 16 + 64) * kUnit',
    to: '0.0 * static_cast<double>(dimensions)',
    foundBy: [ROOM],
  },
  {
    name: 'the rounding errors of the elements that are left have no room',
    file: 'core/row_codes.cc',
    from: ' + 16 * kMostLength * kUnit;',
    to: ';',
    foundBy: [RESIDUALS],
  },
  {
    name: 'the rounding errors of the sum of what is left have no room',
    file: 'core/row_codes.cc',
    from: 'length * (1 + static_cast<double>(steps_of_sum(count)) * kUnit)',
    to: 'length',
    foundBy: [RESIDUALS],
  },
  {
    name: 'the norm of a row is that of its neighbour when it is coded',
    file: 'core/row_codes.cc',
    from: 'const float inverse_norm = matrix.inverse_norms[number];',
    to: 'const float inverse_norm = matrix.inverse_norms[number - number % 2];',
    foundBy: [BOUNDS, RANKINGS],
  },
  {
    name: 'the limit of a row is that of the norm of another',
    file: 'core/certified_top_k.cc',
    from: 'request.matrix.inverse_norms[row]',
    to: 'request.matrix.inverse_norms[row / 2]',
    foundBy: [RANKINGS],
  },
  {
    name: 'the lower halves of the codes are read of the next row',
    file: 'core/row_codes.cc',
    from: 'low_ + start * row_bytes()',
    to: 'low_ + (start + 1) * row_bytes()',
    foundBy: [BOUNDS],
  },
  {
    name: 'the two halves of a byte of the lower plane are exchanged',
    file: 'core/row_codes.cc',
    from: 'low[i] = static_cast<uint8_t>((first & 15u) | (second & 15u) << 4);',
    to: 'low[i] = static_cast<uint8_t>((second & 15u) | (first & 15u) << 4);',
    foundBy: [BOUNDS, RANKINGS],
  },
  {
    name: 'the limit is that of a row which is better than the k-th',
    file: 'core/certified_top_k.cc',
    from: 'reached.raise(merit_of(self.scores_.merits[0]));',
    to: 'reached.raise(merit_of(self.scores_.merits[self.k_ > 1 ? 1 : 0]));',
    foundBy: [RANKINGS],
  },
  {
    name: 'the limit is that of what a row scores at least which is better than the k-th',
    file: 'core/certified_top_k.cc',
    from: 'reached.raise(merit_of(self.floors_.merits[0]));',
    to: 'reached.raise(merit_of(self.floors_.merits[self.k_ > 1 ? 1 : 0]));',
    foundBy: [BATCHES],
  },
  {
    name: 'a row is expected to score what its code estimates',
    file: 'core/certified_top_k.cc',
    from: 'const double least = 2.0 * estimate - bound;',
    to: 'const double least = estimate + 0 * bound;',
    foundBy: [BATCHES],
  },
  {
    name: 'the rounding errors of the scan in float32 have no room in what a row scores at least',
    file: 'core/row_codes.cc',
    from: 'cosine - (share_ + kRoundings) * (1 + std::fabs(cosine))',
    to: 'cosine',
    foundBy: [ROOM],
  },
  {
    name: 'a row of a file with wrong codes is excluded by what it scores at least',
    file: 'core/certified_top_k.cc',
    from: ' && !(lacks_scores && request.codes.is_from_file())',
    to: '',
    foundBy: [SAVED],
  },
  {
    name: 'the second tile of queries is the first one on CPUs with AMX',
    file: 'kernels/kernels_amx.cc',
    from: 'queries + kTileRows * 2 * bytes;',
    to: 'queries + 0 * bytes;',
    foundBy: [WHOLE_SUMS],
    level: 'avx512',
  },
  {
    name: 'the second tile of rows is the first one on CPUs with AMX',
    file: 'kernels/kernels_amx.cc',
    from: '_tile_loadd(5, rows + kTileBytes,',
    to: '_tile_loadd(5, rows,',
    foundBy: [BOUNDS, WHOLE_SUMS, BATCHES],
    level: 'avx512',
  },
  {
    name: 'a tile of sums keeps those of other rows on CPUs with AMX',
    file: 'kernels/kernels_amx.cc',
    from: '  _tile_zero(1);',
    to: '',
    foundBy: [BOUNDS, WHOLE_SUMS, BATCHES],
    level: 'avx512',
  },
  {
    name: 'codes of a file with another rotation are used',
    file: 'core/row_codes.cc',
    from: ' || codes->rotation_.checksum() != description.rotation',
    to: '',
    foundBy: [SAVED],
  },
  {
    name: 'codes of a file that grow leave the residuals behind',
    file: 'core/row_codes.cc',
    from: 'std::memcpy(residuals, residuals_, row_count_ * sizeof(float));',
    to: 'std::memset(residuals, 0, row_count_ * sizeof(float));',
    foundBy: [SAVED],
  },
  {
    name: 'the distance of a row from its centre lacks what the code of the row lacks',
    file: 'core/row_centres.cc',
    from: 'distance + static_cast<double>(residual)',
    to: 'distance + 0 * static_cast<double>(residual)',
    foundBy: [CENTRE_ROOM],
  },
  {
    name: 'the roundings of a distance have no room',
    file: 'core/row_centres.cc',
    from: 'std::sqrt(std::max(square, 0.0)) + 0x1p-22',
    to: 'std::sqrt(std::max(square, 0.0))',
    foundBy: [CENTRE_ROOM],
  },
  {
    name: 'the slack is left out of the bounds by centres',
    file: 'core/row_centres.cc',
    from: 'product + query->terms.slack + kRoundUp',
    to: 'product + kRoundUp',
    foundBy: [CENTRE_ROOM],
  },
  {
    name: 'the roundings of the bounds by centres have no room',
    file: 'core/row_centres.cc',
    from: 'constexpr double kRoundUp = 0x1p-20;',
    to: 'constexpr double kRoundUp = 0;',
    foundBy: [CENTRE_ROOM],
  },
  {
    name: 'the mean of the rows is left out of the bounds by centres',
    file: 'core/row_centres.cc',
    from: 'query->terms.base + product',
    to: 'product',
    foundBy: [CENTRE_ROOM, CENTRE_BOUNDS],
  },
  {
    name: 'the upper halves of the centres are read in place of the lower ones',
    file: 'core/row_centres.cc',
    from: 'low_.as<uint8_t>() + at, count, plane_bytes(), low);',
    to: 'high_.as<uint8_t>() + at, count, plane_bytes(), low);',
    foundBy: [CENTRE_ROOM],
  },
  {
    name: 'the distance of a row is that from another centre',
    file: 'core/row_centres.cc',
    from: '= distance_from(nearest[i], code',
    to: '= distance_from(nearest[i / 2], code',
    foundBy: [CENTRE_ROOM],
  },
  {
    name: 'a row that changes keeps the number of its centre',
    file: 'core/row_centres.cc',
    from: 'numbers_.as<uint16_t>()[first + i] = nearest[i];',
    to: 'if (!is_ready_ || end - start > 1) numbers_.as<uint16_t>()[first + i] = nearest[i];',
    foundBy: [CENTRE_CHANGES],
  },
  {
    name: 'a row that changes keeps its distance from its centre',
    file: 'core/row_codes.cc',
    from: 'if (centres_ != nullptr) centres_->assign_again(',
    to: 'if (centres_ != nullptr && (!centres_->are_ready() || end - start > 1)) centres_->assign_again(',
    foundBy: [CENTRE_CHANGES],
  },
  {
    name: 'rows that change while centres are looked for are not looked at again',
    file: 'core/row_codes.cc',
    from: 'if (centres_ != nullptr) centres_->assign_again(',
    to: 'if (centres_ != nullptr && centres_->are_ready()) centres_->assign_again(',
    foundBy: [CENTRE_CHANGES],
  },
  {
    name: 'the first limit is that of a row which is better than the k-th',
    file: 'core/first_limit.cc',
    from: 'reached.raise(scores[k - 1]);',
    to: 'reached.raise(scores[k > 1 ? k - 2 : 0]);',
    foundBy: [CENTRE_SEARCH],
  },
  {
    name: 'the first limit is that of rows that are not considered',
    file: 'core/first_limit.cc',
    from: 'count += is_considered(request, row, start, end);',
    to: 'count += row < request.matrix.row_count;',
    foundBy: [RANKINGS],
  },
];

test.for(DEFECTS)('there is one place in the sources for this: $name', ({ file, from }) => {
  const text = readFileSync(join(PACKAGE_FOLDER, 'native', file), 'utf8');
  expect(text.split(from)).toHaveLength(2);
});

// A build takes minutes: for the reliability goals (`npm run reliability -- R17`).
if (tier() !== 'test' && tier() !== 'mutation') {
  describe.skipIf(lacks !== null)(`defects planted in certified search${suffix}`, () => {
    const pathOf = (file: string) => join(SOURCE, 'backend-cpu/native', file);
    vi.setConfig({ testTimeout: 2 * BUILD_TIMEOUT_MS });
    const LEVELS = (['portable', 'avx512'] as const).filter((level) => lacksFor(level) === null);

    beforeAll(
      async () => {
        rmSync(SOURCE, { recursive: true, force: true });
        for (const name of ['backend-cpu', 'native-kit']) {
          for (const part of ['native', 'cpp', 'CMakeLists.txt', 'package.json']) {
            const from = join(PACKAGE_FOLDER, '..', name, part);
            if (existsSync(from)) cpSync(from, join(SOURCE, name, part), { recursive: true });
          }
        }
        for (const level of LEVELS) await build(level);
      },
      2 * LEVELS.length * BUILD_TIMEOUT_MS,
    );

    test.for(LEVELS)('without a defect the tests of the level %s pass', async (level) => {
      expect(await runTests(level)).toMatchObject({ status: 0 });
    });

    test.for(DEFECTS)('the tests find that $name', async (defect, { skip }) => {
      const { file, from, to, foundBy, level = 'portable' } = defect;
      const missing = lacksFor(level);
      if (missing !== null) skip(`needs ${missing}`);
      const text = readFileSync(pathOf(file), 'utf8');
      expect(text.split(from)).toHaveLength(2);
      writeFileSync(
        pathOf(file),
        text.replace(from, () => to),
      );
      try {
        await build(level);
        const { status, text: output } = await runTests(level);
        const failed = [...output.matchAll(/^FAILED (?:portable|avx512 with amx): (.*) \(/gm)].map(([, name]) => name);
        expect(failed).toEqual(expect.arrayContaining([...foundBy]));
        expect(status).toBe(1);
        tellCount('R17', 1);
      } finally {
        writeFileSync(pathOf(file), text);
      }
    });
  });
}
