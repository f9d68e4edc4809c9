import { existsSync } from 'node:fs';
import { log } from './log.mjs';
import { runCommand } from './run-command.mjs';

const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/**
 * Tools for instruction sets that this machine does not have (AVX-512 in plain C, ARM in an emulator), for reading metrics, and
 * a GPU in software.
 */
const TEST_TOOLS = [
  { package: 'libsimde-dev', proof: '/usr/include/simde/simde-common.h' },
  { package: 'qemu-user-static', proof: '/usr/bin/qemu-aarch64-static' },
  { package: 'g++-aarch64-linux-gnu', proof: '/usr/bin/aarch64-linux-gnu-g++' },
  { package: 'prometheus', proof: '/usr/bin/prometheus' },
  { package: 'mesa-vulkan-drivers', proof: `${LIBRARIES}/libvulkan_lvp.so` },
];

/**
 * Installs the optional tools of the native tests, on a Debian-like CI machine (or on request). Without these tools the tests
 * that need them are skipped visibly, so a failure here is printed and does not stop the set-up.
 *
 * @param {{ asked: boolean, only?: readonly string[] }} options `asked`: install outside CI too; `only`: these packages
 */
export async function installTestTools({ asked, only }) {
  const wanted = TEST_TOOLS.filter((tool) => only === undefined || only.includes(tool.package));
  const lacking = wanted.filter(({ proof }) => !existsSync(proof)).map((tool) => tool.package);
  const isDebian = process.platform === 'linux' && existsSync('/usr/bin/apt-get');
  if (lacking.length === 0 || !isDebian) return;
  const command = `apt-get install ${lacking.join(' ')}`;
  const inContinuousIntegration = process.env['CI'] === 'true' && process.getuid?.() === 0;
  if (!asked && !inContinuousIntegration) {
    log(
      `Some tests (of other instruction sets, of metrics, of a second GPU in software) are skipped; to run them: sudo ${command}`,
    );
    return;
  }
  log(`Installing tools for tests: ${lacking.join(' ')} ...`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => runCommand('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...lacking], { env });
  // The package lists of a fresh container are missing or old.
  if (
    (await install()) === 0 ||
    ((await runCommand('apt-get', ['update', '-qq'], { env })) === 0 && (await install()) === 0)
  )
    return;
  log('That failed; the tests that need these tools are skipped.');
}
