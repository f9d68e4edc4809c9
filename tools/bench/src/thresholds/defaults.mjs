import { runScenario, TRACES } from '@gearshift/dispatch-lab';
import { adaptivePolicy, THRESHOLD_DEFAULTS, thresholdPolicy } from '@gearshift/policies';
import { createTracker } from '@gearshift/tracker';

const WINDOW_DEFAULT = 100;

/** One value is changed, the three others stay as they are. */
const TRIED = {
  gpuMinBatchSize: [16, 64, 256, 1024, 4096],
  gpuSpeedupThreshold: [1, 1.25, 1.5, 2, 3],
  gpuSuccessRateThreshold: [0.5, 0.8, 0.9, 0.95, 0.99],
  windowSize: [10, 30, 100, 300, 1000],
};
const TRACE_NAMES = ['T1', 'T2', 'T3', 'T5', 'T6'];

/**
 * The time that the threshold policy loses against the oracle with other values for its four settings.
 *
 * @returns {Promise<{ setting: string, value: number | string, isDefault: boolean, regrets: number[] }[]>} percent, a figure for each of the
 *   traces `TRACE_NAMES`; the last row is the adaptive policy
 */
export async function measureDefaults(world, { memory, requestCount, seeds, log }) {
  const variants = Object.entries(TRIED).flatMap(([setting, values]) =>
    values.map((value) => ({ setting, value, contender: contenderOf(setting, value) })),
  );
  variants.push({
    setting: 'adaptive',
    value: '',
    contender: { name: 'adaptive', description: 'adaptive', create: () => ({ policy: adaptivePolicy() }) },
  });
  const regrets = variants.map(() => []);
  for (const name of TRACE_NAMES) {
    log(`defaults, ${world.name} world, ${name} ...`);
    const definition = TRACES.find((trace) => trace.name === name);
    const contenders = variants.map(({ contender }) => contender);
    const curves = await runScenario({ definition, world, contenders, seeds, requestCount }, memory);
    for (const [index, { result }] of curves.entries()) regrets[index].push(result.regretPercent);
  }
  return variants.map(({ setting, value }, index) => ({
    setting,
    value,
    isDefault: value === (setting === 'windowSize' ? WINDOW_DEFAULT : THRESHOLD_DEFAULTS[setting]),
    regrets: regrets[index],
  }));
}

function contenderOf(setting, value) {
  const name = `${setting} ${value}`;
  if (setting !== 'windowSize') {
    return { name, description: name, create: () => ({ policy: thresholdPolicy({ [setting]: value }) }) };
  }
  const trackedBy = () => createTracker({ windowSize: value });
  return { name, description: name, create: () => ({ policy: thresholdPolicy(), trackedBy }) };
}

export { TRACE_NAMES };
