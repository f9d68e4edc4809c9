import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The tools for building the native addon.
 *
 * @returns {{ found: { name: string, version: string }[], missing: string[] }} `missing` is empty when the addon can be built
 */
export function findToolchain() {
  const tools = [
    { name: 'CMake', candidates: ['cmake'] },
    { name: 'a C++ compiler', candidates: compilers() },
    // Visual Studio brings its own build tool.
    ...(process.platform === 'win32' ? [] : [{ name: 'make or ninja', candidates: ['ninja', 'make', 'gmake'] }]),
  ];
  const found = [];
  const missing = [];
  for (const { name, candidates } of tools) {
    const version = candidates.map(readVersion).find((line) => line !== null);
    if (version === undefined) missing.push(name);
    else found.push({ name, version });
  }
  return { found, missing };
}

/** How to install the tools on this machine, as a one-line command or instruction. */
export function howToGetTools() {
  if (process.platform === 'darwin') return 'xcode-select --install && brew install cmake';
  if (process.platform === 'win32') {
    return 'winget install Kitware.CMake Microsoft.VisualStudio.2022.BuildTools (with the workload "Desktop development with C++")';
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release)) return 'sudo apt-get install g++ cmake make';
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(release)) return 'sudo dnf install gcc-c++ cmake make';
  if (/^ID(_LIKE)?=.*alpine/m.test(release)) return 'apk add g++ cmake make';
  if (/^ID(_LIKE)?=.*arch/m.test(release)) return 'sudo pacman -S gcc cmake make';
  return 'install g++ or clang++, cmake 3.18 or newer, and make with the package manager of your system';
}

function compilers() {
  const chosen = process.env['CXX'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  if (process.platform !== 'win32') return ['c++', 'g++', 'clang++'];
  // cl.exe is on the PATH only in a developer prompt; CMake finds Visual Studio the same way as this code.
  const programFiles = process.env['ProgramFiles(x86)'] ?? 'C:\\Program Files (x86)';
  return [join(programFiles, 'Microsoft Visual Studio', 'Installer', 'vswhere.exe'), 'clang++', 'g++'];
}

/** The first line of `program --version`, or null if it does not run. */
function readVersion(program) {
  const isVswhere = program.endsWith('vswhere.exe');
  const args = isVswhere
    ? ['-latest', '-requires', 'Microsoft.VisualStudio.Component.VC.Tools.x86.x64', '-property', 'installationVersion']
    : ['--version'];
  // Nx puts the folder of the node program first on the PATH, which may contain a compiler that is not on the user's PATH.
  // The result must be the same inside and outside of Nx.
  const env = { ...process.env, PATH: process.env['GEARSHIFT_TOOL_PATH'] ?? process.env['PATH'] };
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: 30_000, env });
  if (status !== 0 || stdout.trim() === '') return null;
  return stdout.trim().split('\n')[0].trim();
}
