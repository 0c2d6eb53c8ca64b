// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What the app needs of {@code manifest.json} (schemas/manifest.schema.json). */
final class ModelManifest {
  final String name;
  /** Such as "1×3×224×224". */
  final String inputShape;
  final int inputCount;
  final int outputCount;
  /** logits, log_probabilities or probabilities, of the first output. */
  final String meaning;
  final List<String> labels;
  final List<String> goldenCases;
  /** The first golden case that was made from a picture, or null. */
  final String pictureCase;
  /** Whether a picture can be turned into the only input. */
  final boolean takesPictures;
  final long parameters;
  final long macs;
  final long netBytes;
  /** Sizes in bytes of the files that are in the app, by path. */
  final Map<String, Long> files;

  private ModelManifest(JSONObject json) throws JSONException {
    name = json.getString("name");
    JSONArray inputs = json.getJSONArray("inputs");
    JSONObject first = inputs.getJSONObject(0);
    inputCount = inputs.length();
    inputShape = first.getJSONArray("shape").join("×");
    takesPictures = inputCount == 1 && !first.isNull("layout");
    JSONArray outputs = json.getJSONArray("outputs");
    outputCount = outputs.length();
    meaning = outputs.getJSONObject(0).getString("meaning");
    labels = json.isNull("labels") ? Collections.<String>emptyList() : strings(json.getJSONArray("labels"));
    parameters = json.getLong("parameters");
    macs = json.getLong("macs");
    List<String> cases = new ArrayList<>();
    String picture = null;
    JSONArray golden = json.getJSONArray("golden");
    for (int i = 0; i < golden.length(); i++) {
      JSONObject item = golden.getJSONObject(i);
      String id = item.getString("case");
      cases.add(id);
      if (picture == null && item.getString("kind").equals("picture")) {
        picture = id;
      }
    }
    goldenCases = Collections.unmodifiableList(cases);
    pictureCase = picture;
    files = needed(json.getJSONObject("files"));
    netBytes = files.get("init_net.pb") + files.get("predict_net.pb");
  }

  static ModelManifest parse(String text) throws JSONException {
    return new ModelManifest(new JSONObject(text));
  }

  /** The label of a class, or its number where the model has no labels. */
  String label(int index) {
    return index < labels.size() ? labels.get(index) : "#" + index;
  }

  /** Path of a golden array below the model's directory; role is input or output. */
  static String goldenPath(String goldenCase, String role, int index) {
    return "golden/" + goldenCase + "/" + role + "_" + index + ".npy";
  }

  private Map<String, Long> needed(JSONObject all) throws JSONException {
    List<String> names = new ArrayList<>();
    names.add("init_net.pb");
    names.add("predict_net.pb");
    for (String id : goldenCases) {
      for (int i = 0; i < inputCount; i++) {
        names.add(goldenPath(id, "input", i));
      }
      for (int i = 0; i < outputCount; i++) {
        names.add(goldenPath(id, "output", i));
      }
    }
    Map<String, Long> sizes = new LinkedHashMap<>();
    for (String path : names) {
      sizes.put(path, all.getJSONObject(path).getLong("bytes"));
    }
    return Collections.unmodifiableMap(sizes);
  }

  private static List<String> strings(JSONArray array) throws JSONException {
    List<String> list = new ArrayList<>();
    for (int i = 0; i < array.length(); i++) {
      list.add(array.getString(i));
    }
    return Collections.unmodifiableList(list);
  }
}
