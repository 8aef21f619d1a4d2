using GuardSharp.Lab.Training.Text;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>A conversation to judge, with a picture or without.</summary>
/// <param name="Picture">The picture whose vision tokens stand at the prompt's patch tokens; null: text alone.</param>
/// <param name="Example">The token ids and what they should be followed by.</param>
/// <param name="Target">The probability of unsafe to learn.</param>
internal sealed record PictureExample(ReadingSample? Picture, TrainingExample Example, float Target);
