/** Which C library this process runs on: an addon built for one does not load on the other. `null` outside Linux. */
export function detectLibc(): 'gnu' | 'musl' | null {
  if (process.platform !== 'linux') return null;
  // The report knows without starting a program or reading a file; only glibc puts its version there.
  const report = readReportHeader();
  return report !== null && 'glibcVersionRuntime' in report ? 'gnu' : 'musl';
}

function readReportHeader(): object | null {
  const report: (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined = process.report;
  if (report === undefined) return null;
  // Looking up the names of open sockets' peers can take seconds; Node versions that can leave it out are told to.
  const { excludeNetwork } = report;
  if (excludeNetwork !== undefined) report.excludeNetwork = true;
  const full: unknown = report.getReport();
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  if (typeof full !== 'object' || full === null || !('header' in full)) return null;
  return typeof full.header === 'object' ? full.header : null;
}
