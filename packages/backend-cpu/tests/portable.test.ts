import { unwrap } from '@gearshift/contracts';
import { describeBackendContract } from '@gearshift/testing/vitest';
import { createPortableBackend } from '@gearshift/backend-cpu';

describeBackendContract('the portable backend', async () => unwrap(await createPortableBackend()), { sync: true });
