import { ManualClock } from '@gearshift/backend-cluster';

/** A clock with jumps, as timers see them after the process stood still. */
export class JumpingClock extends ManualClock {
  jumpedMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.jumpedMs;
  }
}
