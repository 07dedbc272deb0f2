namespace DiffeoNN.Onnx.Search;

/// <summary>What is asked of a search does not fit what is searched.</summary>
/// <param name="message">What was asked, what there is, what to do.</param>
public sealed class SearchException(string message) : Exception(message);
