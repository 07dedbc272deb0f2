namespace DiffeoNN.Onnx.Search;

/// <summary>Whose settings a search takes where the caller says nothing.</summary>
public enum SearchPreset
{
    /// <summary>Those of the bundle's manifest.</summary>
    Bundle,

    /// <summary>The recipe as it was published: <see cref="PublishedSettings"/>.</summary>
    Published,
}
