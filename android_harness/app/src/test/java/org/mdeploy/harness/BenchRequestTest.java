// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.io.File;
import java.util.Arrays;
import org.junit.Test;

public final class BenchRequestTest {
  @Test
  public void handsEveryFlagOn() {
    BenchRequest request = BenchRequest.parse("id-1", " --threads 4 --profile  --affinity 0xf0 --tol 1e-6 ");
    assertEquals("id-1", request.id);
    assertEquals(Arrays.asList("--threads", "4", "--profile", "--affinity", "0xf0", "--tol", "1e-6"), request.flags());
    assertEquals(0, BenchRequest.parse(null, null).flags().size());
  }

  @Test
  public void refusesWhatCouldBeAPath() {
    for (String flags : new String[] {"--report /sdcard/x", "--affinity big;rm", "--threads 1\u0000 --profile", "--x ../y", "a\\b"}) {
      assertThrows(flags, IllegalArgumentException.class, () -> BenchRequest.parse("x", flags));
    }
    for (String id : new String[] {"", "../x", "a b", "a/b"}) {
      assertThrows(id, IllegalArgumentException.class, () -> BenchRequest.parse(id, ""));
    }
  }

  @Test
  public void becomesTheCommandsFlags() {
    HarnessOptions options = new HarnessOptions(new File("r")).model(new File("m")).file("--input", new File("a"));
    options.measure(new BenchRequest().measure("--warmup", 0).measure("--runs", 3).flags());
    assertEquals(
        "[--report, r, --init, m/init_net.pb, --predict, m/predict_net.pb, --manifest, m/manifest.json, --input, a,"
            + " --runner, app_child, --, --warmup, 0, --runs, 3]",
        options.arguments("app_child").toString());
  }
}
