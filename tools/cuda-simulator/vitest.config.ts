import shared from '@gearshift/vitest-config';
import { defineConfig, mergeConfig } from 'vitest/config';

// One file after the other: they build the same programs, and the second finds them built.
export default mergeConfig(shared, defineConfig({ test: { fileParallelism: false } }));
