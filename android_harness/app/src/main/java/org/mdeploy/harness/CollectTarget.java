// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.net.MalformedURLException;
import java.net.URL;
import java.util.regex.Pattern;

/** Where reports are sent: a server such as {@code mdeploy collect}, and what it wants to be told. */
final class CollectTarget {
  private static final Pattern TOKEN = Pattern.compile("[!-~]{1,256}");
  private static final Pattern LOOPBACK = Pattern.compile("localhost|127\\.0\\.0\\.1|\\[::1\\]");

  final URL url;
  /** Null where the server wants none. */
  final String token;

  private CollectTarget(URL url, String token) {
    this.url = url;
    this.token = token;
  }

  /**
   * A target that the user typed.
   *
   * @throws IllegalArgumentException with one line for people
   */
  static CollectTarget ofUser(String address, String token) {
    URL url;
    try {
      url = new URL(address.trim());
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException("the address is not an http or https URL");
    }
    boolean web = url.getProtocol().equals("http") || url.getProtocol().equals("https");
    if (!web || url.getHost().isEmpty() || url.getUserInfo() != null) {
      throw new IllegalArgumentException("the address is not an http or https URL");
    }
    if (token != null && !token.isEmpty() && !TOKEN.matcher(token).matches()) {
      throw new IllegalArgumentException("the token is not of printable characters without spaces");
    }
    return new CollectTarget(url, token == null || token.isEmpty() ? null : token);
  }

  /**
   * A target out of an intent. Any app may send one, so it leads to this phone alone, which is where {@code adb reverse}
   * listens: no other app gets our permission to send to wherever it likes.
   *
   * @throws IllegalArgumentException with one line for people
   */
  static CollectTarget ofIntent(String address, String token) {
    CollectTarget target = ofUser(address, token);
    if (!LOOPBACK.matcher(target.url.getHost()).matches()) {
      throw new IllegalArgumentException("mdeploy.collect takes localhost only, which adb reverse leads to the host");
    }
    return target;
  }
}
