// graphile-worker's side of `bench queue`: `install`, `fill N`, or `drain` at its best settings.
import { makeWorkerUtils, run } from "graphile-worker";

const [connectionString, what, jobs] = process.argv.slice(2);

if (what === "drain") {
  let begun = false;
  const quiet = () => () => {};
  const { Logger } = await import("graphile-worker");
  const runner = await run({
    noHandleSignals: false,
    logger: new Logger(quiet),
    taskList: {
      noop: () => {
        if (!begun) {
          begun = true;
          console.log(`first ${Date.now() / 1000}`);
        }
      },
    },
    preset: {
      worker: {
        connectionString,
        maxPoolSize: 10,
        concurrentJobs: 24,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  });
  await runner.promise;
} else {
  const utils = await makeWorkerUtils({ connectionString });
  await utils.migrate();
  if (what === "fill") {
    for (let done = 0; done < Number(jobs); done += 1000) {
      await utils.addJobs(Array.from({ length: 1000 }, () => ({ identifier: "noop", payload: {} })));
    }
  }
  await utils.release();
}
