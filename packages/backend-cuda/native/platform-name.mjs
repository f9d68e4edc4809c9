/** `linux-x64-gnu`, `darwin-arm64`: the folder of a prebuilt addon, and the end of its package's name. */
export function platformName() {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return base;
  return `${base}-${'glibcVersionRuntime' in process.report.getReport().header ? 'gnu' : 'musl'}`;
}
