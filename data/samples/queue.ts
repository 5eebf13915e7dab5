import { EventEmitter } from "node:events";

/** What a job may end as. */
export enum Outcome {
  Done = "done",
  Failed = "failed",
}

export interface Job<T> {
  readonly id: string;
  priority: number;
  run(signal: AbortSignal): Promise<T>;
}

export type Listener<T> = (job: Job<T>, outcome: Outcome) => void;

function sealed(constructor: Function): void {
  Object.seal(constructor);
}

/**
 * Runs jobs one after the other, the most urgent first.
 */
@sealed
export class JobQueue<T> extends EventEmitter {
  private readonly jobs: Job<T>[] = [];
  private controller = new AbortController();

  constructor(private readonly limit: number = 100) {
    super();
  }

  get length(): number {
    return this.jobs.length;
  }

  // Equal priorities keep their order.
  push(job: Job<T>): this {
    if (this.jobs.length >= this.limit) {
      throw new RangeError(`the queue holds ${this.limit} jobs already`);
    }
    const at = this.jobs.findIndex((other) => other.priority < job.priority);
    this.jobs.splice(at < 0 ? this.jobs.length : at, 0, job);
    return this;
  }

  async drain(): Promise<Map<string, Outcome>> {
    const outcomes = new Map<string, Outcome>();
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) {
      outcomes.set(job.id, await this.attempt(job));
    }
    return outcomes;
  }

  private async attempt(job: Job<T>): Promise<Outcome> {
    try {
      await job.run(this.controller.signal);
      return Outcome.Done;
    } catch {
      return Outcome.Failed;
    }
  }
}

export namespace Jobs {
  /** A job from a plain function. */
  export function of<T>(id: string, run: () => Promise<T>): Job<T> {
    return { id, priority: 0, run };
  }
}

// The arrow keeps no `this`.
export const byPriority = <T>(a: Job<T>, b: Job<T>): number => {
  return b.priority - a.priority;
};
