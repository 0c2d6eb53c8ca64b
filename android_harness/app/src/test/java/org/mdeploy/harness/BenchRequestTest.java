// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public final class BenchRequestTest {
  @Test
  public void readsEveryFlag() {
    BenchRequest request = BenchRequest.parse(
        "id-1",
        " --threads 4 --warmup 3 --runs 50 --min-seconds 1.5 --rounds 2 --cooldown 0.5 --sustained 5"
            + "  --profile --affinity 0xf0 --tol 1e-6 ");
    assertEquals("id-1", request.id);
    assertEquals(4, request.threads);
    assertEquals(3, request.warmup);
    assertEquals(50, request.runs);
    assertEquals(1.5, request.minSeconds, 0);
    assertEquals(2, request.rounds);
    assertEquals(0.5, request.cooldownSeconds, 0);
    assertEquals(5, request.sustainedMinutes, 0);
    assertTrue(request.profile);
    assertEquals("0xf0", request.affinity);
    assertEquals(1e-6, request.tolerance, 0);
  }

  @Test
  public void noneIsNotTheDefault() {
    assertEquals(-1, BenchRequest.parse(null, "--warmup 0").warmup);
    assertEquals(0, BenchRequest.parse(null, null).warmup);
    assertEquals(BenchRequest.DEFAULT_TOLERANCE, BenchRequest.parse(null, "").tolerance, 0);
    assertTrue("exactly equal", BenchRequest.parse(null, "--tol 0").tolerance < 0);
  }

  @Test
  public void refusesTheRest() {
    for (String flags : new String[] {
        "--report /sdcard/x", "--threads", "--threads x", "--threads -1", "--runs 1e3", "--min-seconds NaN",
        "--min-seconds -1", "--affinity big;rm", "runs", "--profile 3", "--cooldown Infinity"}) {
      assertThrows(flags, IllegalArgumentException.class, () -> BenchRequest.parse("x", flags));
    }
    for (String id : new String[] {"", "../x", "a b", "a/b"}) {
      assertThrows(id, IllegalArgumentException.class, () -> BenchRequest.parse(id, ""));
    }
  }

  @Test
  public void becomesTheCommandsFlags() {
    HarnessOptions options = new HarnessOptions();
    options.initPath = "i";
    options.predictPath = "p";
    options.inputs = new String[] {"a", "b"};
    options.warmup = -1;
    options.runs = 3;
    options.tolerance = -1;
    options.profile = true;
    options.reportPath = "r";
    assertEquals(
        "[--init, i, --predict, p, --input, a, --input, b, --tol, 0.0, --warmup, 0, --runs, 3, --profile, --report, r]",
        options.arguments().toString());
  }
}
