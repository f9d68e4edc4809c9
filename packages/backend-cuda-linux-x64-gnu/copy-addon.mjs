// Takes over the addon that `build-native` of @gearshift/backend-cuda made, where it was made for this package's platform.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../backend-cuda/prebuilds/linux-x64-gnu/gearshift-cuda.node', import.meta.url));
const target = fileURLToPath(new URL('gearshift-cuda.node', import.meta.url));
rmSync(target, { force: true });
if (existsSync(built)) copyFileSync(built, target);
else console.log('There is no addon for linux-x64-gnu to take over: it was not built on this machine.');
