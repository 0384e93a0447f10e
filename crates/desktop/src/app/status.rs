//! The line at the bottom: read-out, running work, notices.

use super::{App, Command};
use egui::{Align, Layout, Panel, ProgressBar, Ui};

impl App {
    pub(super) fn status(&mut self, ui: &mut Ui) {
        let running = self.jobs.all().next().map(|(_, job)| (job.title.clone(), job.part));
        Panel::bottom("status").show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_min_height(24.0);
                if let Some((title, part)) = running {
                    if ui.button("Cancel").clicked() {
                        self.queue.push(Command::Cancel);
                    }
                    match part {
                        Some(part) => {
                            ui.add(ProgressBar::new(part as f32).desired_width(160.0).show_percentage());
                        }
                        None => {
                            ui.spinner();
                        }
                    }
                    ui.add(egui::Label::new(title).truncate());
                } else if let Some(notice) = self.notices.last() {
                    ui.add(egui::Label::new(&notice.text).truncate());
                } else if let Some(text) = self.read_out() {
                    ui.label(text);
                } else if let Some(document) = &self.document {
                    let image = &document.image;
                    let session = document.session.as_ref().and_then(|path| path.file_name());
                    let session =
                        session.map_or(String::new(), |name| format!("   {}", name.to_string_lossy()));
                    let text = format!(
                        "{}   {} × {} px   {}{session}",
                        document.name(),
                        image.width(),
                        image.height(),
                        image.source.sample_type
                    );
                    ui.add(egui::Label::new(text).truncate());
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let Some(document) = &self.document else { return };
                    let zoom = 100.0 * self.view.zoom * f64::from(ui.ctx().pixels_per_point());
                    ui.label(format!("{zoom:.0} %"));
                    ui.separator();
                    let mut count = format!("{} columns", document.columns().len());
                    if !self.selection.is_empty() {
                        count += &format!(", {} selected", self.selection.len());
                    }
                    if document.is_dirty() && !document.history.done.is_empty() {
                        count += ", unsaved edits";
                    }
                    ui.label(count);
                });
            });
        });
    }
}
