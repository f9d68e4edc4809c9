export { default } from '@gearshift/vitest-config';
