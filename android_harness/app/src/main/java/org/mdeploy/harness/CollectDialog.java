// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
package org.mdeploy.harness;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.Context;
import android.content.DialogInterface;
import android.content.SharedPreferences;
import android.text.InputType;
import android.widget.EditText;
import android.widget.LinearLayout;

/** Asks where a report is sent, and keeps the answer for the next time. */
final class CollectDialog {
  /** Told of the answer. */
  interface Listener {
    void onTarget(CollectTarget target);

    void onMistake(String text);
  }

  private CollectDialog() {}

  static AlertDialog show(final Activity activity, final Listener listener) {
    final SharedPreferences kept = activity.getSharedPreferences("collect", Context.MODE_PRIVATE);
    final EditText address = field(activity, R.id.collect_address, R.string.collect_address, kept.getString("url", ""));
    address.setInputType(InputType.TYPE_CLASS_TEXT | InputType.TYPE_TEXT_VARIATION_URI);
    final EditText token = field(activity, R.id.collect_token, R.string.collect_token, kept.getString("token", ""));
    token.setInputType(InputType.TYPE_CLASS_TEXT | InputType.TYPE_TEXT_VARIATION_VISIBLE_PASSWORD);
    LinearLayout fields = new LinearLayout(activity);
    fields.setOrientation(LinearLayout.VERTICAL);
    int edge = (int) (20 * activity.getResources().getDisplayMetrics().density);
    fields.setPadding(edge, edge / 2, edge, 0);
    fields.addView(address);
    fields.addView(token);
    return new AlertDialog.Builder(activity)
        .setTitle(R.string.send_title)
        .setView(fields)
        .setNegativeButton(android.R.string.cancel, null)
        .setPositiveButton(
            R.string.send,
            new DialogInterface.OnClickListener() {
              @Override
              public void onClick(DialogInterface dialog, int which) {
                String url = address.getText().toString();
                String secret = token.getText().toString().trim();
                kept.edit().putString("url", url).putString("token", secret).apply();
                try {
                  listener.onTarget(CollectTarget.ofUser(url, secret));
                } catch (IllegalArgumentException e) {
                  listener.onMistake(e.getMessage());
                }
              }
            })
        .show();
  }

  private static EditText field(Activity activity, int id, int hint, String text) {
    EditText field = new EditText(activity);
    field.setId(id);
    field.setHint(hint);
    field.setText(text);
    field.setSingleLine();
    return field;
  }
}
